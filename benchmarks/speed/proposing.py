"""What a proposal of TPE costs, by how many trials it knows; serial, without workers."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.mlp import space
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.sampling.study import StudySampler

POINTS = (100, 200, 400, 800, 1200, 1600, 2000)


@dataclass(frozen=True)
class Proposing:
    """CPU milliseconds of asking and telling one trial, mean since the point before."""

    trials: int
    ms: float


def measure_proposing(points: Sequence[int] = POINTS) -> list[Proposing]:
    """Ask and tell trials up to the last point, three in ten of them complete, the others stopped early."""
    proposals = StudySampler(space, "tpe", 0, reference={}, fixed={})
    rng = random.Random(0)
    found, since, before = [], time.process_time(), 0
    for number in range(max(points)):
        params, config = proposals.suggest(number)
        loss = abs(math.log10(float(str(params["lr"]))) + 2.5) + float(str(params["dropout"])) + 0.1 * rng.random()
        complete = rng.random() < 0.3
        status, reached = (TrialStatus.FINISHED, (1, 3, 9, 27)) if complete else (TrialStatus.STOPPED, (1,))
        epochs = tuple(Epoch(epoch, loss, {}, 1.0) for epoch in reached)
        proposals.tell(TrialRecord(number, params, config, 0, 27, status, epochs))
        if number + 1 in points:
            now = time.process_time()
            found.append(Proposing(number + 1, 1e3 * (now - since) / (number + 1 - before)))
            since, before = now, number + 1
    return found
