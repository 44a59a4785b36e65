"""The figures of a report as plotly figures, to be shown and changed in a notebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from tunelab.analysis.outcome import reference_trial
from tunelab.analysis.parameter_importance import MIN_TRIALS, parameter_importance
from tunelab.documents.blocks import Figure
from tunelab.documents.plotly_json import figure_json
from tunelab.records.result import SweepResult
from tunelab.report.front import front_figure
from tunelab.report.search.importance import importance_figure
from tunelab.report.search.progress import curves_figure, history_figure
from tunelab.report.search.space import parallel_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


class SweepPlots:
    """Figures of one sweep; each method returns a ``plotly.graph_objects.Figure``."""

    def __init__(self, result: SweepResult) -> None:
        self._result = result

    def __repr__(self) -> str:
        names = ", ".join(f"{name}()" for name in vars(type(self)) if not name.startswith("_"))
        return f"<figures of the sweep {self._result.name}: {names}>"

    def curves(self) -> go.Figure:
        """Return the validation loss of every trial by epoch."""
        reference = reference_trial(self._result)
        return to_plotly(curves_figure(self._result, None if reference is None else reference.number))

    def history(self) -> go.Figure:
        """Return each trial's loss and the best so far, in the order of the trials."""
        return to_plotly(history_figure(self._result))

    def importance(self) -> go.Figure:
        """Return how much each hyperparameter mattered, by Optuna's PED-ANOVA.

        Raises:
            UserError: too few trials have a result to tell.
        """
        found = parameter_importance(self._result)
        if not found:
            count = len(self._result.ranked())
            raise UserError(
                f"Feature importance of hyperparameters needs at least {MIN_TRIALS} trials with a result and a space "
                f"that varies; sweep '{self._result.name}' has {count}. Run more trials."
            )
        return to_plotly(importance_figure(found, len(found)))

    def pareto(self) -> go.Figure:
        """Return all trials over two objectives, with the Pareto front.

        Raises:
            UserError: the sweep has one objective.
        """
        if self._result.front is None:
            raise UserError(
                f"Sweep '{self._result.name}' has one objective and so no Pareto front: give run_sweep several, "
                "metric=['val_loss', 'latency_ms']."
            )
        return to_plotly(front_figure(self._result, self._result.front))

    def parallel(self) -> go.Figure:
        """Return parallel coordinates of all hyperparameters and the loss."""
        return to_plotly(parallel_figure(self._result, sorted(self._result.space)))


def to_plotly(figure: Figure) -> go.Figure:
    """Convert a figure of a document to plotly's own object, names of users escaped."""
    from tunelab.interactive.static_figure import NotebookFigure  # loads plotly and matplotlib

    return NotebookFigure(json.loads(figure_json(figure)))
