"""The checks of the conformance suite, in the order in which they run; each passes or says what the task gets wrong."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import optuna

from search_spaces import get_space
from search_spaces.distributions import contains
from search_spaces.errors import describe_error
from search_spaces.optuna_logging import quiet_optuna
from trainables.base.contract.conformance.data import data_faults, same_outputs, same_reports
from trainables.base.contract.conformance.subject import EPOCHS, SEED, Subject
from trainables.base.contract.data import Splits
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.task import EpochReport, Task
from trainables.base.kinds.registry import KINDS

ROWS = 32  # that the predictor is tried on
SEEDED = (  # how a task keeps its random numbers to itself
    "Draw from generators of the seed (numpy.random.default_rng(seed), torch.Generator().manual_seed(seed)), and build "
    "networks inside `with torch.random.fork_rng(): torch.manual_seed(seed)`."
)
CARRIED_BYTES = 4096  # of a task's state; more are data


class Fault(Exception):
    """What a task gets wrong, one sentence."""


class NotThere(Exception):
    """What a task does not have, so that there is nothing to check, one sentence."""


def check_facts(subject: Subject) -> None:
    """Check that the facts are complete and of the right types."""
    facts = getattr(subject.task, "facts", None)
    _demand(isinstance(facts, TaskFacts), f"'facts' must be a TaskFacts, got {type(facts).__name__}.")
    assert isinstance(facts, TaskFacts)
    _demand(
        re.fullmatch(r"[a-z][\w-]*", facts.name) is not None and facts.name == facts.name.lower(),
        f"'facts.name' must be lower-case letters, digits, _ and -, got {facts.name!r}.",
    )
    _demand(
        subject.shipped.get(facts.name) in (None, type(subject.task)),
        f"'facts.name' is {facts.name!r}, which ships with tunelab: their sweeps and models would mix.",
    )
    for name in ("title", "source", "licence", "score"):
        _demand(bool(getattr(facts, name).strip()), f"'facts.{name}' is empty.")
    _demand(facts.kind in KINDS, f"'facts.kind' must be one of {', '.join(KINDS)}, got {facts.kind!r}.")
    _demand(
        facts.score_direction in ("minimize", "maximize"),
        f"'facts.score_direction' must be minimize or maximize, got {facts.score_direction!r}.",
    )
    for name in ("trials", "max_epochs"):
        _demand(getattr(facts, name) >= 1, f"'facts.{name}' must be at least 1, got {getattr(facts, name)}.")


def _loads(subject: Subject) -> None:
    before = _carried(subject.task)
    splits = subject.splits
    _demand(isinstance(splits, Splits), f"load() must return Splits, got {type(splits).__name__}.")
    json.dumps(dict(splits.training.facts))  # facts are kept beside weights
    json.dumps(subject.task.description())
    kept = _carried(subject.task) - before
    _demand(
        kept < CARRIED_BYTES,
        f"load() leaves {kept:,} bytes in the task itself, which travels to every worker, test rows with it: "
        "keep nothing but options there.",
    )


def _carried(task: Task) -> int:
    """Return bytes of a task's own state as it travels to workers."""
    from ray import cloudpickle  # loads Ray

    return len(cloudpickle.dumps(vars(task)))


def _data(subject: Subject) -> None:
    if not KINDS[subject.task.facts.kind].has_data:
        raise NotThere("tunelab does not see the data of a function.")
    for fault in data_faults(subject.splits, KINDS[subject.task.facts.kind]):
        raise Fault(fault)


def _digest(subject: Subject) -> None:
    first, second = subject.splits.training.digest, subject.task.load().training.digest
    _demand(
        re.fullmatch(r"[0-9a-f]{64}", first) is not None,
        f"'digest' must be a sha256 in hex (see trainables.digest_arrays), got {first[:20]!r}.",
    )
    _demand(first == second, "Two calls of load() with the same split seed give different digests.")


def _space(subject: Subject) -> None:
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=SEED))
    for _ in range(16):
        trial = study.ask()
        config = subject.space(trial)
        json.dumps(config)
        again = subject.space.config(trial.params)
        _demand(again == config, f"The space is not a pure function of the trial: {config} became {again}.")
        study.tell(trial, 0.0)


def check_reference(subject: Subject) -> None:
    """Check that the space can draw the reference configuration, and that it or a variant draws each parameter."""
    reference = dict(subject.task.reference)
    if not reference and not KINDS[subject.task.facts.kind].has_data:
        raise NotThere("A function has no reference configuration.")
    _demand(bool(reference), "'reference' is empty; give the parameters of a sensible configuration.")
    space = subject.task.space()
    for branch in [{}, *({str(space.branch): choice} for choice in space.branches())]:
        trial = optuna.trial.FixedTrial({**reference, **branch})
        space(trial)
        for name, distribution in trial.distributions.items():
            inside = contains(distribution, trial.params[name])
            _demand(inside, f"The reference's {name}={reference[name]!r} lies outside the space: {distribution}.")
    names = subject.task.space_names()
    variants = [get_space(name) for name in names] if space.name in names else []  # a task may bring its own space
    unused = sorted(set(reference).difference(*(one.distributions() for one in (space, *variants))))
    _demand(not unused, f"The reference gives {', '.join(unused)}, which the space does not draw.")


def _trains(subject: Subject) -> None:
    reports = subject.reports
    _demand(bool(reports), "fit() ended without a report.")
    for report in reports:
        _demand(isinstance(report, EpochReport), f"fit() must yield EpochReport, got {type(report).__name__}.")
        _demand(math.isfinite(report.val_loss), f"val_loss is {report.val_loss} in epoch {report.epoch}.")
        odd = [name for name, value in report.metrics.items() if not isinstance(value, float | int)]
        _demand(not odd, f"The metric {', '.join(odd)} is not a number.")
    if not subject.task.reference:
        return
    config = subject.task.space().config(dict(subject.task.reference))
    first = subject.train(SEED, config, epochs=1)[0]
    _demand(math.isfinite(first.val_loss), f"The reference configuration's val_loss is {first.val_loss}.")


def _budget(subject: Subject) -> None:
    epochs = [report.epoch for report in subject.reports]
    _demand(len(epochs) <= EPOCHS, f"fit() continues after max_epochs={EPOCHS}: it reported epochs {epochs}.")
    _demand(epochs == list(range(1, len(epochs) + 1)), f"Epochs must count 1, 2, ...; fit() reported {epochs}.")


def _repeats(subject: Subject) -> None:
    if same_reports(subject.reports, subject.elsewhere) is not None:  # or does it only depend on the global numbers?
        fault = same_reports(subject.reports, subject.train(SEED))
        _demand(fault is None, f"The same config, data and seed give different reports: {fault}.")


def _seeds(subject: Subject) -> None:
    fault = same_reports(subject.reports, subject.train(SEED + 1))
    if fault is None and not KINDS[subject.task.facts.kind].has_data:
        raise NotThere("Another seed gives the very same reports: the function draws no random numbers.")
    _demand(
        fault is not None,
        f"Another seed gives the very same reports: fit() does not use its seed. {SEEDED}",
    )


def _randomness(subject: Subject) -> None:
    _demand(not subject.stirred, f"fit() changes the process's global random numbers. {SEEDED}")
    fault = same_reports(subject.reports, subject.elsewhere)
    _demand(fault is None, f"fit() depends on the process's global random numbers: {fault}. {SEEDED}")


def _missing_key(subject: Subject) -> None:
    named = 0
    for key in subject.config:
        config = {name: value for name, value in subject.config.items() if name != key}
        try:
            subject.train(SEED, config, epochs=1)
        except Exception as error:  # noqa: BLE001 any refusal will do, if it names the key
            _demand(key in str(error), f"A config without '{key}' fails without naming it: {describe_error(error)}.")
            named += 1
    _demand(named > 0, "fit() accepts a config with any key missing; a misspelt parameter would go unnoticed.")


def _predictor(subject: Subject) -> None:
    from trainables.base.contract.own_code import own_classes
    from trainables.base.contract.predictors import load, save

    task, splits = subject.task, subject.splits
    weights = subject.reports[-1].weights
    has_data = KINDS[task.facts.kind].has_data
    if weights is None and not has_data:
        raise NotThere("The function reports no model: trial.report(..., model=model) would keep the winner's.")
    _demand(weights is not None, "The reports carry no weights, so no model could be kept.")
    assert weights is not None
    predictor = task.predictor(subject.config, weights, splits)
    if predictor is None:
        raise NotThere("The task has no predictor(), so the winner's model is not kept.")
    validation = splits.validation
    if has_data:
        scores = task.scores(predictor, validation)
        _demand(
            math.isfinite(scores.get(task.facts.score, math.nan)),
            f"scores() gives no finite '{task.facts.score}', the score its facts name; it gives {', '.join(scores)}.",
        )
    inputs = validation.inputs[:ROWS]
    with tempfile.TemporaryDirectory() as folder:
        save(predictor, Path(folder))
        pickled = [p.name for p in Path(folder).rglob("*") if p.suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib")]
        _demand(not pickled, f"save() writes {', '.join(pickled)}; models are kept without pickle.")
        loaded = load(Path(folder), [own.file for own in own_classes(Path(folder))])
    fault: str | None
    if has_data:
        fault = same_outputs(predictor.predict(inputs), loaded.predict(inputs), len(inputs))
    else:
        fault = predictor.difference(loaded, inputs)
    _demand(not fault, f"The saved and loaded predictor differs: {fault}.")


def check_bare_tuner(subject: Subject) -> None:
    """Check that the task trains in a bare ``ray.tune.Tuner``, which starts Ray when it does not run."""
    from ray import tune

    from trainables.base.contract.trainable import as_trainable

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            as_trainable(subject.task, subject.splits.training, max_epochs=1, seed=SEED),
            param_space=dict(subject.config),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        result = tuner.fit()[0]
    _demand(result.error is None, f"Training in a bare Tuner fails: {result.error}")
    reported = (result.metrics or {}).get("val_loss", math.nan)
    _demand(math.isfinite(reported), "A bare Tuner gets no finite 'val_loss'.")


CHECKS: tuple[tuple[str, Callable[[Subject], None], bool], ...] = (  # name, check, whether the following need it
    ("facts", check_facts, True),
    ("loads", _loads, True),
    ("data", _data, False),
    ("digest", _digest, False),
    ("space", _space, True),
    ("reference", check_reference, False),
    ("trains", _trains, True),
    ("budget", _budget, False),
    ("repeats", _repeats, False),
    ("seeds", _seeds, False),
    ("randomness", _randomness, False),
    ("missing key", _missing_key, False),
    ("predictor", _predictor, False),
)


def _demand(holds: bool, sentence: str) -> None:
    if not holds:
        raise Fault(sentence)
