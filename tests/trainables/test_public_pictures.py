"""Sweeps on public pictures: digits of scikit-learn (public domain) as files in folders, and those of MNIST to draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tunelab.analysis.standing import rivals, verdict_lines
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep

SEEDS = (1, 2, 3)
EACH = 60  # pictures of a digit


def gain_over_baselines(result: SweepResult) -> float:
    """By how much the winner is better than the best baseline, after the verdict was compared with it."""
    (gain,) = (rival.gain for rival in rivals(result) if rival.name != REFERENCE)
    first = next(verdict_lines(result))
    assert (" won: " in first) == (gain > 0), first
    assert first.startswith("No trial beat the baseline ") == (gain <= 0), first
    return gain


def sweeps(values: dict[str, Any]) -> list[float]:
    """The gains of three sweeps."""
    plain = {"tracking_uri": "off", "confirm_top": 0, "ensemble": 0}
    return [gain_over_baselines(run_sweep(make_spec({**plain, **values, "seed": seed}))) for seed in SEEDS]


@pytest.mark.slow
def test_digits_in_folders_are_told_apart_as_well_as_by_the_best_baseline(in_folder: Path, ray_session: None) -> None:
    bundle = load_digits()
    for digit in range(10):
        (in_folder / "digits" / str(digit)).mkdir(parents=True)
        for number, picture in enumerate(bundle.images[bundle.target == digit][:EACH]):
            pixels = Image.fromarray((picture * 15).astype(np.uint8)).resize((32, 32))
            pixels.save(in_folder / "digits" / str(digit) / f"{number}.png")
    options = {"task": "images", "task_options": {"data": str(in_folder / "digits"), "side": 32}}
    gains = sweeps({**options, "trials": 4, "max_epochs": 20})
    assert np.mean(gains) > -0.02, gains  # accuracy


@pytest.mark.slow
def test_a_verdict_says_whether_a_generator_is_closer_to_unseen_digits_than_gaussians(
    in_folder: Path, ray_session: None
) -> None:
    gains = sweeps({"task": "mnist_gan", "trials": 2, "max_epochs": 3})  # who wins does not matter here
    assert len(set(gains)) == len(SEEDS), gains  # a Gaussian of each digit is hard to beat in few epochs
