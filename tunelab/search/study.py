"""StudySampler: an Optuna study that is asked for configurations and told what became of them."""

from __future__ import annotations

import heapq
import importlib
import json
import math
from collections.abc import Container, Mapping, Sequence
from typing import Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial
from scipy.special import log_ndtr

from search_spaces import Config, ParamValue, SearchSpace, UserError, unknown
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.trial import TrialRecord, TrialStatus

LEARN_FROM = 400  # trials that a proposal looks at; keeps its cost flat from there on
TURNS = 2  # trials of each branch after its reference, before the sampler chooses branches
TURN_EVERY = 4  # one in this many later trials is of the branch whose turn it is
LEARN_FROM_BEST = 100  # of them, the best complete ones, however old
STATES = {
    TrialStatus.FINISHED: TrialState.COMPLETE,
    TrialStatus.STOPPED: TrialState.PRUNED,
    TrialStatus.DIVERGED: TrialState.FAIL,
    TrialStatus.FAILED: TrialState.FAIL,
    TrialStatus.INTERRUPTED: TrialState.FAIL,
    TrialStatus.RUNNING: TrialState.RUNNING,
}


class BoundedStudy(optuna.Study):
    """A study in memory that shows samplers the best and the newest of its trials, so that asking never slows down.

    TPE's cost grows with the trials it looks at, for each parameter it draws; what it calls good is at most 25 of them.
    """

    def __init__(self) -> None:
        storage = optuna.storages.InMemoryStorage()
        # a fixed name: Hyperband's pruner draws a trial's bracket from it
        study_id = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "sweep")
        super().__init__(storage.get_study_name_from_id(study_id), storage)
        self._cached: list[FrozenTrial] | None = None
        self._shown: list[FrozenTrial] = []

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """As samplers call it: all running trials, when they ask for those, and a bounded number of ended ones."""
        if deepcopy or not (states is None or TrialState.COMPLETE in states):
            return super()._get_trials(deepcopy, states, use_cache)
        trials = super()._get_trials(deepcopy=False, use_cache=True)  # the same list for all of one proposal
        if trials is not self._cached:
            self._cached, self._shown = trials, best_and_newest(trials)
        ended = [trial for trial in self._shown if states is None or trial.state in states]
        if states is None or TrialState.RUNNING not in states:
            return ended
        running = super()._get_trials(deepcopy=False, states=(TrialState.RUNNING,))  # as they are now
        return sorted([*ended, *running], key=lambda trial: trial.number)


def best_and_newest(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """At most ``LEARN_FROM`` trials with a value, in their order: the best complete ones and the newest."""
    ended = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(ended) <= LEARN_FROM:
        return ended
    complete = [t for t in ended if t.state == TrialState.COMPLETE]
    kept = {t.number for t in heapq.nsmallest(LEARN_FROM_BEST, complete, key=lambda t: (t.value, t.number))}
    for trial in reversed(ended):
        if len(kept) == LEARN_FROM:
            break
        kept.add(trial.number)
    return [t for t in ended if t.number in kept]


class StudySampler:
    """Asks Optuna for one trial after another.

    The sampler is made anew for each trial, seeded by the sweep's seed and the trial's number: a proposal depends on
    these and on what the study was told, not on the sampler's past, so that a resumed sweep goes on as it would have.

    Args:
        space: the search space.
        sampler: ``"tpe"`` or ``"random"``.
        seed: the sweep's seed.
        reference: parameters of trial 0, and of one trial for each further choice of the space's branch; those that do
            not lie in the space are drawn like any other.
        fixed: parameters held at a value.
        warm_start: finished trials of an earlier study to learn from.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: Literal["tpe", "random"],
        seed: int,
        *,
        reference: Mapping[str, ParamValue],
        fixed: Mapping[str, ParamValue],
        warm_start: Sequence[FrozenTrial] = (),
    ) -> None:
        self._space = space
        self._sampler = sampler
        self._seed = seed
        inside = fitting_params(reference, space.distributions())
        self._reference = {**inside, **fixed} if inside else {}
        self._fixed = dict(fixed)
        self._branches = [] if space.branch in fixed else space.branches()
        quiet_optuna()
        speed_up_tpe()
        self.study = BoundedStudy()
        self._before = len(warm_start)  # Optuna's numbers start after these
        self.study.add_trials(warm_start)
        self._distributions: dict[int, dict[str, BaseDistribution]] = {}

    def restore(self, trials: Sequence[TrialRecord]) -> None:
        """Takes back trials of an interrupted sweep, in order of their numbers; running ones stay open."""
        for trial in trials:
            self.study.add_trial(frozen_trial(trial, self._space))

    def ask(self, number: int) -> tuple[dict[str, ParamValue], Config]:
        """Parameters and configuration of the next trial; ``number`` must be the count of trials so far."""
        self.study.sampler = self._make_sampler(number)
        planned = self._planned(number)
        if planned:
            self.study.enqueue_trial(planned)
        trial = self.study.ask()
        if trial.number - self._before != number:
            raise RuntimeError(f"the study numbers this trial {trial.number - self._before}, the sweep {number}")
        config = self._space(trial)
        return dict(trial.params), config

    @property
    def references(self) -> int:
        """Number of leading trials that are reference configurations: one a branch of the space, or one."""
        return max(1, len(self._branches)) if self._reference else 0

    def _planned(self, number: int) -> dict[str, ParamValue]:
        """Return the parameters of a trial that the sampler does not choose: a reference, or a branch whose turn it is.

        Each branch has its reference, then ``TURNS`` trials of its own, then every ``TURN_EVERY``-th trial in rotation:
        a sampler that has seen one bad trial of a branch would hardly draw it again.
        """
        if number < self.references:
            return {**self._reference, **(self._turn(number) if self._branches else {})}
        if not self._branches:
            return {}
        turn = number - self.references
        if turn < TURNS * len(self._branches):
            return self._turn(turn)
        return self._turn(turn // TURN_EVERY) if turn % TURN_EVERY == 0 else {}

    def _turn(self, number: int) -> dict[str, ParamValue]:
        name, choices = str(self._space.branch), self._branches
        return {name: choices[number % len(choices)]}

    def tell(self, record: TrialRecord) -> None:
        """What became of a trial: its curve, and COMPLETE, PRUNED with its last step, or FAIL."""
        storage = self.study._storage  # ``study.trials`` would copy every trial of the study
        trial_id = storage.get_trial_id_from_study_id_trial_number(self.study._study_id, record.number + self._before)
        if storage.get_trial(trial_id).state != TrialState.RUNNING:
            return
        for epoch in record.epochs:
            if math.isfinite(epoch.val_loss):
                storage.set_trial_intermediate_value(trial_id, epoch.epoch, epoch.val_loss)
        state = STATES[record.status]
        values = None if state == TrialState.FAIL else [record.val_loss]
        storage.set_trial_state_values(trial_id, state, values)

    def _make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = derive_seed(self._seed, "sampler", number)
        base: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
        if self._sampler == "tpe":
            base = optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.PartialFixedSampler(self._fixed, base) if self._fixed else base


def frozen_trial(record: TrialRecord, space: SearchSpace) -> FrozenTrial:
    """A trial as Optuna keeps it, for a study rebuilt from records."""
    probe = optuna.trial.FixedTrial(dict(record.params))
    space(probe)
    return _frozen(record, probe.distributions)


def _frozen(record: TrialRecord, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    state = STATES[record.status]
    finite = {e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)}
    return create_trial(
        state=state,
        value=record.val_loss if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        params=dict(record.params),
        distributions=distributions,
        intermediate_values=finite if state != TrialState.RUNNING else {},
        user_attrs={"run_id": record.run_id, "status": str(record.status)},
    )


def fitting_trials(records: Sequence[TrialRecord], space: SearchSpace) -> list[FrozenTrial]:
    """What a study of ``space`` can learn from trials of another one: each with a result, reduced to the parameters
    whose values lie in the space."""
    distributions = space.distributions()
    fitting = []
    for record in records:
        kept = fitting_params(record.params, distributions)
        if record.has_result and kept:
            fitting.append(
                create_trial(
                    state=STATES[record.status],
                    value=record.val_loss,
                    params=kept,
                    distributions={name: distributions[name] for name in kept},
                    intermediate_values={e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)},
                )
            )
    return fitting


def fitting_params(
    params: Mapping[str, ParamValue], distributions: Mapping[str, BaseDistribution]
) -> dict[str, ParamValue]:
    """The parameters that a space has and whose values lie in it."""
    return {n: v for n, v in params.items() if n in distributions and _contains(distributions[n], v)}


def _contains(domain: BaseDistribution, value: ParamValue) -> bool:
    try:
        return bool(domain._contains(domain.to_internal_repr(value)))
    except ValueError:  # no value of this parameter's type, or no choice of it
        return False


def study_of(result: SweepResult) -> optuna.Study:
    """A sweep as the Optuna study that it was, for ``optuna.visualization`` and ``optuna.importance``.

    Its trials have their curves, and are COMPLETE, PRUNED or FAIL. One outside the space is left out: a reference
    configuration need be no draw from it.
    """
    quiet_optuna()
    known = {name: json_to_distribution(json.dumps(d)) for name, d in result.space.items()}
    study = optuna.create_study(study_name=result.name, direction="minimize")
    for record in result.trials:
        if all(name in known and _contains(known[name], value) for name, value in record.params.items()):
            study.add_trial(_frozen(record, {name: known[name] for name in record.params}))
    return study


def check_fixed(space: SearchSpace, fixed: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Fixed hyperparameters in their parameters' types; raises ``UserError`` for an unknown name or a value outside."""
    distributions = space.distributions()
    checked: dict[str, ParamValue] = {}
    for name, value in fixed.items():
        if name not in distributions:
            raise unknown("hyperparameter", name, distributions)
        checked[name] = _in_domain(name, value, distributions[name])
    return checked


def _in_domain(name: str, value: ParamValue, domain: BaseDistribution) -> ParamValue:
    if isinstance(domain, CategoricalDistribution):
        for choice in domain.choices:
            same = str(choice) == str(value) or (isinstance(choice, bool) and str(choice).lower() == str(value).lower())
            if same:
                return choice
        raise UserError(f"--set {name}={value}: {name} must be one of {', '.join(map(str, domain.choices))}.")
    if not isinstance(domain, IntDistribution | FloatDistribution):
        raise UserError(f"--set {name}={value}: {name} cannot be fixed.")
    whole = isinstance(domain, IntDistribution)
    try:
        number = int(str(value)) if whole else float(str(value))
    except ValueError as error:
        raise UserError(f"--set {name}={value}: {name} must be a{' whole' if whole else ''} number.") from error
    if not domain.low <= number <= domain.high:
        raise UserError(f"--set {name}={value}: {name} must lie between {domain.low} and {domain.high}.")
    return number


def speed_up_tpe() -> None:
    """Gives TPE the vectorised logarithm of the normal distribution function instead of its loop over elements.

    Most of a proposal's time would go there once a few hundred trials are known. Optuna has it in a private module, so
    where that looks otherwise nothing is changed.
    """
    truncnorm = importlib.import_module("optuna.samplers._tpe._truncnorm")
    if callable(getattr(truncnorm, "_log_ndtr", None)):
        truncnorm._log_ndtr = log_ndtr  # type: ignore[attr-defined]


def quiet_optuna() -> None:
    """Silences Optuna's line per trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
