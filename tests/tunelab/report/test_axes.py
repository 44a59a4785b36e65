"""Ticks of hyperparameters' axes: their texts do not touch on a small figure."""

from __future__ import annotations

import pytest

from tunelab.report.search.axes import ABSENT, LETTER, Axis, axis_of


def float_axis(low: float, high: float, *, log: bool, partial: bool) -> Axis:
    distribution = {"name": "FloatDistribution", "attributes": {"low": low, "high": high, "log": log, "step": None}}
    return axis_of("x", distribution, [low, high, ABSENT] if partial else [low, high])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("pixels", [120, 190, 400])
@pytest.mark.parametrize(
    ("low", "high", "log"),
    [(1e-4, 2e-2, True), (1e-6, 1e-1, True), (0.4, 1.0, False), (0.0, 0.5, False), (8, 512, True)],
)
def test_texts_of_neighbours_do_not_touch(
    low: float, high: float, log: bool, pixels: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", language)
    axis = float_axis(low, high, log=log, partial=True)
    positions, texts = axis.spaced_ticks(pixels)
    ends = axis.range()
    assert positions[0] == axis.position(ABSENT)
    assert len(positions) > 1
    widths = [max(sum(LETTER * (1 if c.isascii() else 2) for c in line) for line in text.split("\n")) for text in texts]
    places = [(p - ends[0]) * pixels / (ends[1] - ends[0]) for p in positions]
    for i in range(len(places) - 1):
        assert places[i + 1] - places[i] > (widths[i] + widths[i + 1]) / 2


def test_short_choices_are_written_upright_and_long_ones_as_they_fit() -> None:
    for choices, upright in (((64, 128, 256, 512), True), (("a long name of a choice",) * 4, False)):
        distribution = {"name": "CategoricalDistribution", "attributes": {"choices": choices}}
        axis = axis_of("x", distribution, [choices[0], ABSENT])
        positions, texts = axis.spaced_ticks(190)
        assert texts == ["not\nused", *map(str, choices)]
        assert axis.fits_upright(190) == upright, positions


def test_ticks_with_room_are_all_kept() -> None:
    axis = float_axis(0.0, 0.5, log=False, partial=False)
    assert axis.spaced_ticks(400) == axis.ticks()
