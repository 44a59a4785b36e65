"""Hyperparameters as positions on an axis: numbers, logarithms, choices, and a place for what a trial did not use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from search_spaces.distributions import choices_of
from search_spaces.values import label_of
from tunelab.figures.ticks import linear_ticks, log_ticks, wants_log
from tunelab.records.result import SweepResult
from tunelab.records.text import format_tick
from tunelab.report.figures import shortened
from tunelab.system.language import tr_term

ABSENT = object()  # the value of a parameter that a trial does not use; None may be a choice
UNUSED = "not used"  # a conditional parameter of a branch that the trial did not take
UNUSED_GAP = 0.14  # how far below the axis such trials lie, as a share of its length
LETTER = 7  # pixels of a narrow letter or digit below an axis; one of Korean takes twice as many


@dataclass(frozen=True)
class Axis:
    """One hyperparameter's axis.

    Attributes:
        name: of the parameter.
        log: whether positions are decimal logarithms.
        choices: of a categorical parameter, whose positions count from 0; empty for numbers.
        low, high: ends of the axis, positions.
        partial: whether some trials do not use the parameter.
        whole: whether values are whole numbers, which have no ticks between them.
    """

    name: str
    log: bool
    choices: tuple[Any, ...]
    low: float
    high: float
    partial: bool
    whole: bool = False

    def position(self, value: Any) -> float:
        """Return where a value lies; below the axis for ``ABSENT``."""
        if value is ABSENT:
            return self.low - UNUSED_GAP * (self.high - self.low)
        if self.choices:
            return float(self.choices.index(value))
        return shortened(math.log10(float(value)) if self.log else float(value))

    def ticks(self) -> tuple[list[float], list[str]]:
        """Return positions and their texts."""
        if self.choices:
            positions, texts = [float(i) for i in range(len(self.choices))], [str(label_of(c)) for c in self.choices]
        elif self.log:
            values = log_ticks(self.low, self.high) or [10**self.low, 10**self.high]
            positions, texts = [round(math.log10(v), 6) for v in values], [format_tick(v) for v in values]
        else:
            positions = linear_ticks(self.low, self.high, least=1.0 if self.whole else 0.0)
            texts = [format_tick(p) for p in positions]
        if self.partial:
            positions, texts = [self.position(ABSENT), *positions], [tr_term(UNUSED), *texts]
        return positions, texts

    def spaced_ticks(self, pixels: int) -> tuple[list[float], list[str]]:
        """Return the ticks of an axis this long, without those whose texts would touch; choices keep all of theirs."""
        positions, texts = self.ticks()
        if self.partial:
            texts[0] = texts[0].replace(" ", "\n")
        if self.choices:
            return positions, texts
        ticks = list(zip(positions, texts, strict=True))
        unused, numbers = (ticks[:1], ticks[1:]) if self.partial else ([], ticks)
        scale = self._scale(pixels)
        step = next((s for s in range(1, len(numbers)) if _apart(numbers[::-s], scale)), len(numbers) or 1)
        kept = [tick for tick in numbers[::-step][::-1] if _apart([tick, *unused], scale)]
        shown = [*unused, *kept]
        return [position for position, _ in shown], [text for _, text in shown]

    def fits_upright(self, pixels: int) -> bool:
        """Return whether the texts of ``spaced_ticks`` leave room for each other; those of long choices do not."""
        ticks = list(zip(*self.spaced_ticks(pixels), strict=True))
        return _apart(ticks[::-1], self._scale(pixels))

    def range(self) -> list[float]:
        """End of the drawn axis, with some air."""
        air = 0.04 * (self.high - self.low)
        bottom = self.position(ABSENT) if self.partial else self.low
        return [shortened(bottom - air), shortened(self.high + air)]

    def _scale(self, pixels: int) -> float:
        """Return the pixels of a unit on an axis this long."""
        low, high = self.range()
        return pixels / (high - low)


def axes_of(result: SweepResult, names: Sequence[str]) -> list[Axis]:
    """Return axes of parameters of the space, over the trials with a result."""
    trials = result.ranked()
    return [axis_of(name, result.space[name], [t.params.get(name, ABSENT) for t in trials]) for name in names]


def _apart(ticks: Sequence[tuple[float, str]], scale: float) -> bool:
    """Return whether neighbours, from right to left, leave room for each other's texts: ``scale`` pixels a unit."""
    return all(
        (right - left) * scale > (_pixels(text) + _pixels(other)) / 2
        for (right, text), (left, other) in pairwise(ticks)
    )


def _pixels(text: str) -> int:
    """Return the width of a tick's text, of its longest line."""
    widths = (sum(LETTER if letter.isascii() else 2 * LETTER for letter in line) for line in text.split("\n"))
    return max(widths, default=0)


def axis_of(name: str, distribution: Mapping[str, Any], values: Sequence[Any]) -> Axis:
    """Return a parameter's axis.

    Args:
        name: of the parameter.
        distribution: as ``SearchSpace.describe`` has it.
        values: of the trials, ``ABSENT`` where one does not use the parameter.
    """
    attributes, choices = distribution["attributes"], tuple(choices_of(distribution))
    partial = any(value is ABSENT for value in values)
    if choices:
        return Axis(name, False, choices, 0.0, max(1.0, len(choices) - 1.0), partial)
    # a value may lie outside: the reference configuration was not drawn from the space
    used = [float(v) for v in values if v is not ABSENT]
    low, high = min([attributes["low"], *used]), max([attributes["high"], *used])
    log = bool(attributes["log"]) and low > 0
    ends = (math.log10(low), math.log10(high)) if log else (float(low), float(high))
    whole = distribution["name"] == "IntDistribution"
    return Axis(name, log, (), ends[0], ends[1] if ends[1] > ends[0] else ends[0] + 1.0, partial, whole)


def axis_of_losses(name: str, losses: Iterable[float]) -> Axis:
    """Return a logarithmic axis of losses when they are positive and far apart, a linear one otherwise."""
    found = list(losses)
    log = wants_log(found)
    low, high = (math.log10(min(found)), math.log10(max(found))) if log else (min(found), max(found))
    return Axis(name, log, (), low, high if high > low else low + 1.0, False)
