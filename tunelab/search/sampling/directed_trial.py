"""A trial whose parameters a function chooses, in whatever branch of the space they lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import ParamValue


class DirectedTrial(optuna.trial.FixedTrial):
    """A trial that asks a function for each parameter when the space draws it.

    Args:
        choose: Returns a parameter's value by its name and the distribution that the space asks for; it is asked once
            for each parameter.
    """

    def __init__(self, choose: Callable[[str, BaseDistribution], ParamValue]) -> None:
        super().__init__({})
        self._choose = choose
        self._chosen: dict[str, Any] = {}
        self._asked: dict[str, BaseDistribution] = {}

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that were drawn, by name."""
        return self._chosen

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Their distributions, by name."""
        return self._asked

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self._draw(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._draw(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._draw(name, CategoricalDistribution(choices))

    def _draw(self, name: str, domain: BaseDistribution) -> Any:
        if name not in self._chosen:
            self._chosen[name] = self._choose(name, domain)
            self._asked[name] = domain
        return self._chosen[name]
