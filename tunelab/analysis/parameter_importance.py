"""Which hyperparameters mattered: conditional PED-ANOVA of Optuna over the order of a sweep's trials.

PED-ANOVA (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255; for conditional parameters: 2601.20800) compares
where the best quarter of the trials lies with where all of them lie. It needs an order of trials only, which fits a
search with early stopping: a loss after 1 epoch and one after 27 are not values of one function, but a trial that was
stopped at a rung has a higher loss than those that continued there, and their lowest loss only falls.
"""

from __future__ import annotations

import warnings
from typing import Any

from tunelab.records.result import SweepResult

TARGET_QUANTILE = 0.25
MIN_RANKED = 4
MIN_TRIALS = 20  # PED-ANOVA wants five trials in the best quarter


def parameter_importance(result: SweepResult) -> dict[str, float]:
    """Return how much each parameter decides whether a trial is in the best quarter, largest first; the sum is 1.

    Empty with fewer than four trials with a result, or when the result holds no search space.
    """
    study = _study(result)
    trials = study.get_trials(deepcopy=False)
    if len(trials) < MIN_RANKED or not trials[0].params:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about branches of the space with one or two trials
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=TARGET_QUANTILE))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _study(result: SweepResult) -> Any:
    """Return a study with a complete trial for each one with a result, its rank as the value.

    A trial outside the space is left out: a reference configuration need be no draw from it.
    """
    import optuna
    from optuna.trial import create_trial

    from search_spaces.distributions import contains, read_domain
    from search_spaces.optuna_logging import quiet_optuna
    from search_spaces.values import hashable

    known = {name: read_domain(d) for name, d in result.space.items()}
    with quiet_optuna():
        study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=0))
    for place, trial in enumerate(result.ranked()):
        params = {name: hashable(value) for name, value in trial.params.items() if name in known}
        distributions = {name: known[name] for name in params}
        if not all(contains(d, params[name]) for name, d in distributions.items()):
            continue
        study.add_trial(create_trial(value=float(place), params=params, distributions=distributions))
    return study
