"""A sweep's result as a notebook's user handles it: tables, figures, the Optuna study, the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.objective import Objective
from trainables.base.functions.task import FunctionOptions, FunctionTask
from tunelab.analysis.outcome import verdict
from tunelab.display.display import first_line
from tunelab.interactive.fragment import result_html
from tunelab.interactive.plots import SweepPlots
from tunelab.records.result import SweepResult
from tunelab.search.sampling.optuna_trials import study_of
from tunelab.tracking.open import open_store

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from trainables import Predictor
    from trainables.base.functions.task import Train
    from tunelab.reproduce import Reproduction

Build = Callable[[Mapping[str, Any]], Any]


class InteractiveResult(SweepResult):
    """A ``SweepResult`` with what is made from it. Its data is that of the result alone; models stay in the store."""

    _build: Build | None = None  # not a field: no part of the data

    @classmethod
    def from_result(cls, result: SweepResult, build: Build | None = None) -> InteractiveResult:
        """Give a result these methods.

        Args:
            result: The data.
            build: Makes the network of a function from a configuration, for ``load_model``.
        """
        values = {f.name: getattr(result, f.name) for f in fields(SweepResult)}
        made = cls(**{**values, "trials": tuple(trial.shown_as(result.measure) for trial in result.trials)})
        object.__setattr__(made, "_build", build)  # the class is frozen
        return made

    @property
    def plot(self) -> SweepPlots:
        """Interactive figures: ``result.plot.curves()``, ``result.plot.importance()`` and others."""
        return SweepPlots(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table of the trials.

        Returns:
            One row a trial, by number: ``status``, the metric that the sweep optimised (``val_loss``, or a function's
            own under its name) and ``epoch`` of the best epoch, the epochs trained,
            parameters as ``param_<name>``, the metrics of the best epoch as ``metric_<name>``, ``started`` and
            ``ended`` in UTC, ``seconds`` of training, ``error`` and ``run_id``.
        """
        import pandas as pd

        rows, measure = [], self.measure
        for trial in self.trials:
            best = trial.best
            rows.append(
                {
                    "trial": trial.number,
                    "status": str(trial.status),
                    measure.name: None if best is None else measure.value(best.val_loss),
                    "epoch": None if best is None else best.epoch,
                    "epochs": len(trial.epochs),
                    **{f"param_{name}": value for name, value in trial.params.items()},
                    **({} if best is None else {f"metric_{name}": v for name, v in best.metrics.items()}),
                    "started": pd.Timestamp(trial.started, unit="s", tz="UTC"),
                    "ended": pd.Timestamp(trial.ended, unit="s", tz="UTC") if trial.ended else None,
                    "seconds": trial.train_seconds,
                    "error": trial.error.partition("\n")[0],
                    "run_id": trial.run_id,
                }
            )
        return pd.DataFrame(rows).set_index("trial")

    def study(self) -> optuna.Study:
        """Return the sweep as an Optuna study, for ``optuna.visualization`` and ``optuna.importance``.

        Trials that were stopped early are PRUNED; each has its curve and the times at which it began and ended.
        """
        return study_of(self)

    def load_model(self, build: Build | None = None, *, trust: Sequence[str | Path] = ()) -> Any:
        """Load the winner's model from the tracking store.

        Args:
            build: Makes the network of a function from a configuration; that of ``run_sweep`` when None. A result that
                was loaded by name needs it again.
            trust: Python files whose code may run, where the model is of a class of your own and you have not run a
                sweep with that file before.

        Returns:
            A ``Predictor`` (``predict(table)``); of a sweep of a function the model itself, as its library has it: a
            fitted estimator, a booster, a network where ``build`` is known, else its state dict.

        Raises:
            UserError: there is no winner, or the sweep was not tracked, so that no model was kept.
        """
        if self.best is None:
            raise UserError(f"Sweep '{self.name}' has no winner, so there is no model to load.")
        if not self.best.model_uri:
            raise UserError(
                f"Sweep '{self.name}' kept no model: it was not tracked (tracking_uri='off'), or its trials reported "
                "none. Report it with trial.report(..., model=model)."
            )
        from trainables.base.functions.models import ReportedModel  # loads torch

        with tempfile.TemporaryDirectory() as folder:
            found: Predictor = open_store(self.tracking_uri).load_model(
                self.best.model_uri, Path(folder), [str(path) for path in trust]
            )
        if isinstance(found, ReportedModel):
            return replace(found, build=build or self._build).native()
        return found

    def reproduce(self, function: Train, *, trial: int | None = None, data: Any = None) -> Reproduction:
        """Train a trial of a function that was given in memory again, and compare every metric of every epoch.

        On the same machine with the same packages the trial comes out identical, as far as everything that it depends
        on is its own source, the values that it uses (compared by their digest), its data and the trial's seed. What
        it reads from files or the network, and functions that those it calls call in turn, are not compared.

        Args:
            function: The sweep's training function, as it was.
            trial: Number of the trial; the winner when None.
            data: What ``run_sweep(..., data=...)`` was given.

        Returns:
            Its ``identical`` says whether all is the same, else ``difference`` where it is not.

        Raises:
            UserError: The sweep was not tracked, or the function or its data is another one.
        """
        from tunelab.reproduce import reproduce

        store = open_store(self.tracking_uri)
        first, *further = self.facts.objectives or (Objective(self.facts.score, self.facts.score_direction),)
        options = FunctionOptions(first, tuple(further), data)
        task = FunctionTask(function, None, options)
        return reproduce(store, store.trial_run_id(self.parent_run_id, trial), task=task)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the report, one self-contained HTML file and its Markdown twin beside it; return the HTML's path."""
        from tunelab.report.report import write_report

        target = Path(path)
        write_report(self, target)
        return target

    def __repr__(self) -> str:
        errors = [first_line(trial.error) for trial in self.trials if trial.error] if self.best is None else []
        return f"<sweep {self.name}: {' '.join([verdict(self), *errors[:1]])}>"

    def _repr_html_(self) -> str:
        return result_html(self)
