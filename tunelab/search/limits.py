"""What a search may spend, and why it ends before that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from trainables.base.training.compute import Compute
from tunelab.records.result import TIME_BUDGET


class Stop(Enum):
    """Why a sweep ends before all its trials are done."""

    INTERRUPTED = "interrupted"
    TIME_BUDGET = TIME_BUDGET
    SAME_ERROR = "the first trials all failed with the same error"
    DISK = "the disk is full"
    STORE = "the tracking store does not answer"
    FAILED = "failed"


@dataclass(frozen=True)
class SearchLimits:
    """What a search may spend.

    Attributes:
        trials: Number of trials.
        max_epochs: Epochs of one trial at most.
        concurrency: Number of trials at once.
        deadline: Unix time in seconds at which the search ends; inf for none.
        retries: How often a trial is tried again after its worker died or hung.
        compute: Device and arithmetic of its trials.
        storage: URI of the folder for weights and checkpoints; none are kept when empty.
    """

    trials: int
    max_epochs: int
    concurrency: int
    deadline: float = math.inf
    retries: int = 1
    compute: Compute = field(default_factory=Compute)
    storage: str = ""
