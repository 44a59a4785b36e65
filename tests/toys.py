"""A toy task whose curves are formulas: instant, exact, and as badly behaved as a test asks for.

Used by path, as a user's own task file is: ``SweepSpec(task=TOY, task_options={"curve": "crossing"})``.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna

from search_spaces import Config, SearchSpace
from trainables import (
    SPLIT_SEED,
    EpochReport,
    RawSplit,
    SealedTest,
    Splits,
    Task,
    TaskFacts,
    TaskOption,
    TrainingData,
    digest_arrays,
)

TOY = str(Path(__file__))  # what a sweep is given as its task
TEST_MARK = 424_242.0  # the only value in test rows: found elsewhere, it shows a leak


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """One parameter that matters and one that does not."""
    return {"x": trial.suggest_float("x", 0.0, 1.0), "idle": trial.suggest_categorical("idle", ("a", "b"))}


TOY_SPACE = SearchSpace("toy", suggest)  # one for all: what its random draws meet is looked up once


class Toy(Task):
    """Losses by formula; ``x`` decides.

    Args:
        curve: ``"monotone"``: (x - 0.3)^2 + 1 / epoch, the leader at a rung leads at the end. ``"crossing"``: the
            better the start, the worse the end. ``"noise"``: ``x`` changes nothing, the seed everything. ``"flat"``:
            all trials and epochs alike.
        bad: what trials with ``x`` above ``bad_above`` do in epoch 2: ``"nan"``, ``"raise"``, ``"hang"``, or ``"die"``
            (the process ends at once, as when the kernel kills it). Trial 0 has x = 0.5.
        bad_above: see ``bad``.
        once: a folder; there a bad trial leaves a mark, and behaves when it finds its own.
        sleep: seconds that an epoch sleeps at most, drawn from the system's entropy: order of ending is arbitrary.
        pause: seconds that every epoch sleeps.
        checkpoints: whether epochs can be saved and gone on from.
    """

    facts = TaskFacts(
        name="toy",
        title="A formula",
        kind="regression",
        source="made up",
        licence="CC0",
        score="rmse",
        score_direction="minimize",
        trials=8,
        max_epochs=9,
    )
    reference = {"x": 0.5, "idle": "a"}
    options: ClassVar[tuple[TaskOption, ...]] = (
        TaskOption("curve", "Formula of the loss.", choices=("monotone", "crossing", "noise", "flat")),
        TaskOption("bad", "What bad trials do."),
        TaskOption("bad_above", "Value of x above which a trial is bad.", type=float),
        TaskOption("once", "Folder of marks."),
        TaskOption("sleep", "Seconds that an epoch sleeps at most.", type=float),
        TaskOption("pause", "Seconds that every epoch sleeps.", type=float),
        TaskOption("checkpoints", "Save epochs.", type=bool),
    )

    def __init__(
        self,
        curve: str = "monotone",
        bad: str = "",
        bad_above: float = 0.75,
        once: str = "",
        sleep: float = 0.0,
        pause: float = 0.0,
        checkpoints: bool = False,
    ) -> None:
        self.curve, self.bad, self.bad_above, self.once = curve, bad, bad_above, once
        self.sleep, self.pause, self.checkpoints = sleep, pause, checkpoints

    def space(self, name: str | None = None) -> SearchSpace:
        return TOY_SPACE

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        rng = np.random.default_rng(split_seed)
        arrays = {
            name: rng.normal(size=shape).astype(np.float32)
            for name, shape in {"x_train": (8, 2), "y_train": (8,), "x_val": (4, 2), "y_val": (4,)}.items()
        }
        test = np.full((4, 2), TEST_MARK, dtype=np.float32)
        return Splits(
            training=TrainingData(arrays, {"n_inputs": 2, "n_outputs": 1}, digest_arrays(arrays, {"test": test})),
            train=RawSplit(arrays["x_train"], arrays["y_train"]),
            validation=RawSplit(arrays["x_val"], arrays["y_val"]),
            test=SealedTest(RawSplit(test, test[:, 0])),
        )

    def fit(
        self,
        config: Mapping[str, Any],
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        x = float(config["x"])
        first = 1 if checkpoint is None else int((checkpoint / "epoch").read_text()) + 1
        for epoch in range(first, max_epochs + 1):
            time.sleep(self.pause + random.SystemRandom().uniform(0, self.sleep))
            loss = self.loss(x, seed, epoch, max_epochs)
            if epoch == 2 and x > self.bad_above:
                loss = self._misbehave(loss, seed)
            save = (lambda folder, e=epoch: (folder / "epoch").write_text(str(e))) if self.checkpoints else None
            yield EpochReport(epoch, loss, {"train_loss": loss / 2, "odd": math.nan}, save=save)

    def loss(self, x: float, seed: int, epoch: int, max_epochs: int) -> float:
        """The validation loss of an epoch."""
        done = (epoch - 1) / max(1, max_epochs - 1)
        match self.curve:
            case "monotone":
                return (x - 0.3) ** 2 + 1 / epoch
            case "crossing":
                return (1 + x) * (1 - done) + (1 - x) * done
            case "noise":
                return 1 + 0.1 * float(np.random.default_rng(seed).normal()) + 0.1 / epoch
            case "flat":
                return 1.0
        raise ValueError(f"no curve '{self.curve}'")

    def _misbehave(self, loss: float, seed: int) -> float:
        if self.once:
            mark = Path(self.once) / str(seed)
            if mark.exists():
                return loss
            mark.touch()
        match self.bad:
            case "nan":
                return math.nan
            case "raise":
                raise RuntimeError("this configuration cannot be trained")
            case "hang":
                time.sleep(3600)
            case "die":
                os._exit(9)
        return loss
