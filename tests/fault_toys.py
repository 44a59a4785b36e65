"""The toy task for faults: each trial has the one that its number says, and checkpoints are frequent."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna

from search_spaces import Config, SearchSpace
from tests.toys import Toy
from trainables import EpochReport, TaskOption, TrainingData

FAULT_TOY = str(Path(__file__))


class Faulty(Toy):
    """A toy whose workers checkpoint at every report, not every half minute.

    Args:
        faults: trial i has the fault ``faults[i % len(faults)]`` in epoch 2: ``"raise"``, ``"kill"`` (as the kernel
            does when memory is short), ``"nan"``, ``"hang"``, ``"missing"`` (a report without a loss),
            ``"garbage"`` (no report at all), ``"oom"`` (the GPU's memory), or none when empty.
        devices: a folder where each worker notes its process and the GPUs that Ray gave it.
    """

    options = (
        *Toy.options,
        TaskOption("faults", "Fault of each trial in turn.", repeatable=True),
        TaskOption("devices", "Folder of marks."),
    )

    def __init__(self, faults: tuple[str, ...] = ("",), devices: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.faults, self.devices = faults, devices
        self.reference = {}

    def space(self, name: str | None = None) -> SearchSpace:
        def suggest(trial: optuna.trial.BaseTrial) -> Config:
            fault = self.faults[trial.number % len(self.faults)]
            return {"x": trial.suggest_float("x", 0.0, 1.0), "fault": fault}

        return SearchSpace("faulty", suggest)

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
        from trainables.base.worker import trial  # with torch, which a driver does not load

        trial.CHECKPOINT_SECONDS = 0.0  # in the worker's process alone
        if self.devices:
            Path(self.devices).mkdir(exist_ok=True)
            note = json.dumps([os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES", "")])
            (Path(self.devices) / str(os.getpid())).write_text(note)
        for report in super().fit(config, data, seed, max_epochs=max_epochs, device=device, checkpoint=checkpoint):
            yield self._spoil(report, str(config["fault"]), seed) if report.epoch == 2 else report

    def _spoil(self, report: EpochReport, fault: str, seed: int) -> Any:
        if self.once and fault:
            mark = Path(self.once) / str(seed)
            if mark.exists():
                return report
            mark.touch()
        if fault:
            sys.stderr.write(f"last words before {fault}\n")
            sys.stderr.flush()
        match fault:
            case "raise":
                raise RuntimeError("this configuration cannot be trained")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "nan":
                return EpochReport(2, math.nan)
            case "missing":
                return EpochReport(2, None)  # type: ignore[arg-type]
            case "garbage":
                return {"loss": "low"}
            case "oom":
                import torch

                raise torch.cuda.OutOfMemoryError("Tried to allocate 20.00 GiB.")
        return report
