"""A search space with wider ranges and fewer choices than its author wrote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from search_spaces.errors import UserError, unknown
from search_spaces.space import Config, SearchSpace
from search_spaces.values import ParamValue, labels, scalar

if TYPE_CHECKING:
    import optuna

Range = tuple[float, float]


def change_space(
    space: SearchSpace, widen: Mapping[str, Range], drop: Mapping[str, Sequence[ParamValue]]
) -> SearchSpace:
    """Return a space that draws from wider ranges, and without some choices; the space itself without changes.

    Args:
        space: The space.
        widen: Lowest and highest value by name of a number.
        drop: Choices that are not drawn any more, by name of a parameter with choices.

    Raises:
        UserError: A name is unknown, a range does not hold the present one, or no choice is left.
    """
    if not widen and not drop:
        return space
    _check(space, widen, drop)

    def suggest(trial: optuna.trial.BaseTrial) -> Config:
        return space.suggest(cast("optuna.trial.BaseTrial", _ChangedTrial(trial, widen, drop)))

    return SearchSpace(space.name, suggest, space.branch)


class _ChangedTrial:
    """An Optuna trial that draws from the changed ranges and choices; everything else is the trial's own."""

    def __init__(self, trial: Any, widen: Mapping[str, Range], drop: Mapping[str, Sequence[ParamValue]]) -> None:
        self._trial, self._widen, self._drop = trial, widen, drop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def suggest_categorical(self, name: str, choices: Iterable[Any]) -> Any:
        """Draw one of the choices that are left."""
        values = [scalar(choice) for choice in choices]
        dropped = self._drop.get(name, ())
        return self._trial.suggest_categorical(
            name, [value for value, label in zip(values, labels(values), strict=True) if label not in dropped]
        )

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        """Draw a whole number from the wider range."""
        low, high = (int(bound) for bound in self._range(name, low, high))
        return int(self._trial.suggest_int(name, low, high, **options))

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        """Draw a number from the wider range."""
        return float(self._trial.suggest_float(name, *self._range(name, low, high), **options))

    def _range(self, name: str, low: float, high: float) -> Range:
        least, most = self._widen.get(name, (low, high))
        return min(scalar(low), least), max(scalar(high), most)


def _check(space: SearchSpace, widen: Mapping[str, Range], drop: Mapping[str, Sequence[ParamValue]]) -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    domains = space.distributions()
    for name in [*widen, *drop]:
        if name not in domains:
            raise unknown("hyperparameter", name, domains)
    for name, (low, high) in widen.items():
        domain, given = domains[name], f"--widen {name}={low:g}:{high:g}"
        if not isinstance(domain, FloatDistribution | IntDistribution):
            raise UserError(f"{given}: {name} has choices, not a range.")
        if not math.isfinite(high - low):
            raise UserError(f"{given}: the bounds and the distance between them must be finite.")
        if not low <= domain.low <= domain.high <= high:
            raise UserError(f"{given}: the range must hold the present one, {domain.low:g} to {domain.high:g}.")
        if domain.log and low <= 0:
            raise UserError(f"{given}: {name} is drawn on a logarithmic scale, whose bounds must be above 0.")
        if isinstance(domain, IntDistribution) and (low % 1 or high % 1):
            raise UserError(f"{given}: {name} is a whole number, and so must the bounds be.")
    for name, values in drop.items():
        choices = domains[name]
        if not isinstance(choices, CategoricalDistribution):
            raise UserError(f"--drop {name}={values[0]}: {name} is a number without choices to drop.")
        missing = [value for value in values if value not in choices.choices]
        if missing:
            shown = ", ".join(map(str, choices.choices))
            raise UserError(f"--drop {name}={missing[0]}: {name} must be one of {shown}.")
        if len(set(values)) >= len(choices.choices):
            raise UserError(f"--drop {name}={values[-1]}: no choice of {name} would be left.")
