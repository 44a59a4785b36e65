"""A user's own training function as a task: any loop that calls ``trial.report``."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError
from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.objective import Objective
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task
from trainables.base.functions.signature import check_function, plain_function
from trainables.base.functions.source import FunctionSource, describe_function
from trainables.base.functions.trial import ELSEWHERE, FunctionTrial, as_number

if TYPE_CHECKING:
    import torch

    from trainables.base.functions.models import ReportedModel

Train = Callable[[Config, FunctionTrial], Any]
Score = Callable[[Any, Config], Mapping[str, float]]


@dataclass(frozen=True)
class FunctionOptions:
    """What a sweep of a function is given beside the function.

    Attributes:
        objective: the metric that is optimised, and its direction; the best epoch of a trial is chosen by it.
        further: the other metrics of a search with several objectives.
        data: handed to each trial as ``trial.data``; loaded once a worker.
        build: makes the network from a configuration, so that the winner's model can predict.
        test: scores the winner's model once on data that the search never saw: ``test(model, config)`` gives metrics.
    """

    objective: Objective = field(default_factory=Objective)
    further: tuple[Objective, ...] = ()
    data: Any = None
    build: Callable[[Config], torch.nn.Module] | None = None
    test: Score | None = None

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All metrics that are optimised."""
        return (self.objective, *self.further)


class FunctionTask(Task):
    """A training function and its search space.

    Args:
        function: ``function(config, trial)``; reports through ``trial.report``, or returns one value or metrics.
        space: the search space; None when a sweep names one.
        options: see ``FunctionOptions``.

    Raises:
        UserError: it is not a function of two arguments.
    """

    def __init__(self, function: Train, space: SearchSpace | None, options: FunctionOptions | None = None) -> None:
        self.function = function
        self.search_space = space
        self.function_options = options or FunctionOptions()
        check_function(function)
        self.source: FunctionSource = describe_function(function)
        objective = self.function_options.objective
        self.facts = TaskFacts(
            name=_task_name(self.source.name),
            title=f"The function {self.source.name}",
            kind="function",
            source=self.source.file or "a function",
            licence="the user's own",
            score=objective.metric,
            score_direction="maximize" if objective.direction == "maximize" else "minimize",
            trials=32,
            max_epochs=100,
            note=_promise(self.function_options),
            objectives=self.function_options.objectives if self.function_options.further else (),
        )

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        """Return splits without rows: the data is the function's own affair. The digest is that of function and data.

        The sealed test split holds the scoring function, if there is one.
        """
        sha = hashlib.sha256(self.source.digest.encode())
        sha.update(repr(_data_digest(self.function_options.data)).encode())
        if self.function_options.objectives != (Objective(),):
            sha.update(repr(self.function_options.objectives).encode())
        empty = RawSplit([], [])
        data = TrainingData({}, {"function": asdict(self.source)}, sha.hexdigest())
        test = self.function_options.test
        sealed = empty if test is None else RawSplit([test], [None])
        return Splits(data, empty, empty, SealedTest(sealed))

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        from trainables.base.functions.stepping import seeded, step_through  # loads torch

        objectives = self.function_options.objectives

        def run(send: Callable[[EpochReport], None]) -> EpochReport | None:
            trial = FunctionTrial(
                objectives,
                send,
                seed=seed,
                max_epochs=max_epochs,
                device=device,
                checkpoint=checkpoint,
                data=self.function_options.data,
            )
            return _returned(_call(self.function, config, trial), trial, objectives)

        with seeded(seed):
            yield from step_through(run)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> ReportedModel | None:
        from trainables.base.functions.models import ReportedModel

        return ReportedModel(dict(weights), dict(config), self.function_options.build) if weights else None

    def scores(self, predictor: Predictor, split: RawSplit) -> dict[str, float]:
        """Return what the sealed scoring function says of the model; nothing for the validation split."""
        found: dict[str, float] = {}
        for score in split.inputs:
            values = score(predictor.native(), predictor.config)  # type: ignore[attr-defined]
            found |= {str(name): float(value) for name, value in values.items()}
        return found

    def space(self, name: str | None = None) -> SearchSpace:
        if name is not None:
            return get_space(name)
        if self.search_space is None:
            raise UserError(
                f"The function '{self.source.name}' has no search space. Give one with --space FILE.py:FUNCTION (in "
                "Python: space=), or define a function `space(trial)` in its file."
            )
        return self.search_space

    @property
    def modules(self) -> tuple[str, ...]:
        name = plain_function(self.function).__module__
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is None or name == "__main__" or file is None:  # a notebook's functions travel by value as they are
            return ()
        return () if "site-packages" in file else (name,)


def _call(function: Train, config: Config, trial: FunctionTrial) -> Any:
    try:
        return function(dict(config), trial)
    except SystemExit as error:
        if hasattr(error, "ray_terminate_msg"):  # not the function's: Ray ends this process
            raise
        raise UserError(
            f"The function ended its process (exit status {error.code}), as sys.exit and argparse do. Let it return, "
            "and take settings from config or trial.data."
        ) from error
    except KeyboardInterrupt as error:  # as some libraries raise it; no terminal reaches this process
        raise UserError(
            "The function raised KeyboardInterrupt, as Ctrl-C does. Let it return; to end a trial early, report fewer "
            "epochs."
        ) from error


def _returned(found: Any, trial: FunctionTrial, objectives: Sequence[Objective]) -> EpochReport | None:
    """Return the report that a function's return value is, when it never called ``trial.report``."""
    if trial.reported_elsewhere:
        raise UserError(ELSEWHERE)
    if trial.epoch or trial.checkpoint is not None:  # the checkpoint may be that of its last epoch
        return None
    metrics = [objective.metric for objective in objectives]
    values = found
    if len(metrics) == 1 and as_number(found) is not None:
        values = {metrics[0]: found}
    if isinstance(values, Mapping) and set(metrics) <= set(values):
        return replace(trial.as_report(values), is_last=True)
    example = ", ".join(f"{metric}=..." for metric in metrics)
    wanted = f"the value of {metrics[0]}" if len(metrics) == 1 else f"a dict of {' and '.join(metrics)}"
    raise UserError(
        f"The function reported nothing: call trial.report({example}) after each epoch, or return {wanted}; it "
        f"returned {_in_words(found)}."
    )


def _in_words(found: Any) -> str:
    if isinstance(found, Mapping) and found:
        names = [str(name) for name in found]
        return f"a dict of {', '.join(names)} (metric={names[0]!r} optimises that one)"
    return repr(found) if isinstance(found, str | bool | None) else type(found).__name__


def _task_name(name: str) -> str:
    """Return a function's name as a task's: lower-case letters, digits, ``_`` and ``-``, a letter first."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name.lower()).strip("-_")
    return kept if kept[:1].isalpha() else f"function-{kept}".rstrip("-")


def _promise(options: FunctionOptions) -> str:
    """Return what a sweep of a function cannot promise, one sentence."""
    if options.test is None:
        return (
            "tunelab does not see this function's data, so there are no baselines and no sealed test split: the "
            "validation metric of the winner is optimistic. Give test= a function that scores the winner once."
        )
    return "tunelab does not see this function's data, so there are no baselines."


def _data_digest(data: Any) -> Any:
    """Something whose ``repr`` changes with the data, as far as that can be told: digests of arrays, lengths, types."""
    import numpy as np

    if isinstance(data, Mapping):
        return {str(key): _data_digest(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_data_digest(value) for value in data[:1000]] + [len(data)]
    tensors = getattr(data, "tensors", None)  # a TensorDataset
    if tensors is not None:
        return [_data_digest(value) for value in tensors]
    if hasattr(data, "to_numpy") or hasattr(data, "__array__"):
        array = np.asarray(data)
        content = "".join(map(str, array.ravel().tolist())).encode() if array.dtype == object else array.tobytes()
        return f"{array.shape} {array.dtype} {hashlib.sha256(content).hexdigest()}"
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, str | bytes):
        return [type(data).__name__, len(data)]
    return repr(data) if isinstance(data, str | bytes | int | float | bool | None) else type(data).__name__
