"""What a search optimises: a metric with its direction, or several at once, and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.errors import UserError

METRIC = "val_loss"  # every task reports it, lower is better
DIRECTIONS = ("minimize", "maximize")
CONSTRAINT = "constraint_"  # before a constraint's name among the metrics of a report


@dataclass(frozen=True)
class Objective:
    """What a search of a function optimises.

    Attributes:
        metric: name under which the function reports it.
        direction: ``"minimize"`` or ``"maximize"``; anything else raises ``UserError``.
    """

    metric: str = METRIC
    direction: str = "minimize"

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise UserError(f"direction must be 'minimize' or 'maximize', got {self.direction!r}.")

    def loss(self, value: float) -> float:
        """Return the value as a loss, lower is better: its negative when it is maximised.

        A loss is converted back the same way.
        """
        return -value if self.direction == "maximize" else value


def make_objectives(
    metric: str | Sequence[str] | None = None, direction: str | Sequence[str] | None = None
) -> tuple[Objective, ...]:
    """Return objectives from what a user gave.

    Args:
        metric: one name or several; ``val_loss`` when None.
        direction: one direction for one metric, or one for each; ``"minimize"`` when None.

    Raises:
        UserError: the numbers differ, or a metric is named twice or not by a text.
    """
    metrics = [metric] if isinstance(metric, str) else list(metric or [METRIC])
    directions = [direction] if isinstance(direction, str) else list(direction or ["minimize"] * len(metrics))
    for name in metrics:
        if not isinstance(name, str) or not name:
            raise UserError(f"metric must be a name or a list of names, e.g. ['val_loss', 'latency_ms'], got {name!r}.")
    if len(set(metrics)) < len(metrics):
        raise UserError(f"metric names '{next(m for m in metrics if metrics.count(m) > 1)}' twice: give each once.")
    if METRIC in metrics[1:]:
        raise UserError(
            f"metric: name '{METRIC}' first; the best epoch of a trial is the one with the best first metric."
        )
    if len(directions) != len(metrics):
        raise UserError(
            f"direction must be given for each metric, in their order: {len(metrics)} metrics "
            f"({', '.join(metrics)}), {len(directions)} directions ({', '.join(map(str, directions))})."
        )
    return tuple(Objective(*pair) for pair in zip(metrics, directions, strict=True))
