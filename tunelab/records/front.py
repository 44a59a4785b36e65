"""The Pareto front of a search with several objectives, and what fresh seeds say of its points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trainables.base.contract.objective import Objective


class PointOutcome(StrEnum):
    """What fresh seeds say of a point of the front."""

    UNCONFIRMED = "not confirmed"
    HOLDS = "holds"  # no other point is better in every objective on fresh seeds
    UNCLEAR = "unclear"  # another one is, by so little that seeds may have decided
    LUCK = "luck"  # another one is, or a constraint is violated
    FAILED = "no result"  # no run on a fresh seed ended with one


@dataclass(frozen=True)
class FrontPoint:
    """A trial on the Pareto front. Values are in the user's own terms, in the order of the objectives.

    Attributes:
        trial: Its number.
        values: In the search, at the epoch of the best first metric.
        fresh: The same of each run on a fresh seed that has a result.
        means: Means of these.
        half_widths: Half widths of the 95 % intervals of the means.
        outcome: What they say.
        beaten_by: Number of the point whose means are better in every objective; None without one.
    """

    trial: int
    values: tuple[float, ...]
    fresh: tuple[tuple[float, ...], ...] = ()
    means: tuple[float, ...] = ()
    half_widths: tuple[float, ...] = ()
    outcome: PointOutcome = PointOutcome.UNCONFIRMED
    beaten_by: int | None = None


@dataclass(frozen=True)
class ParetoFront:
    """The trials that no other trial beats in every objective.

    Attributes:
        objectives: What is optimised.
        points: Best first metric first.
        infeasible: Number of trials with a result that violate a constraint.
        seeds: The fresh seeds, the same for each point; empty without a confirmation.
        train_seconds: Training time of the confirmation, summed over all runs.
    """

    objectives: tuple[Objective, ...]
    points: tuple[FrontPoint, ...]
    infeasible: int = 0
    seeds: tuple[int, ...] = ()
    train_seconds: float = 0.0

    @property
    def leader(self) -> FrontPoint | None:
        """The point of the best first metric that fresh seeds do not call luck; None where there is none."""
        holding = [p for p in self.points if p.outcome not in (PointOutcome.LUCK, PointOutcome.FAILED)]
        return next(iter(holding or self.points), None)

    def count(self, outcome: PointOutcome) -> int:
        """Return the number of points with an outcome."""
        return sum(point.outcome is outcome for point in self.points)


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Return whether ``a`` is as good as ``b`` in all losses and better in one; lower is better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def non_dominated(losses: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points that no other point dominates, in their order."""
    return [i for i, own in enumerate(losses) if not any(dominates(other, own) for other in losses)]
