"""How long a trial on a table trains: optimizer steps are what matters, so epochs follow from the rows."""

from __future__ import annotations

import math
from typing import TypedDict

SMALL_ROWS = 5_000  # below, spaces and references have smaller batches
STEPS = 4_000  # of the optimizer in a whole trial, at a usual batch size: 64 to 256, as the rows are
SMALL_BATCH, USUAL_BATCH, BATCHES = 64, 256, 50  # an epoch of the tables in between has 50 batches
MIN_EPOCHS, MAX_EPOCHS = 27, 300
GRACE_SHARE = 18  # a trial can first be stopped after one in this many of its epochs: docs/search-methods.md
TRAINING_SHARE = 0.64  # of the rows
EARLY_STOPPING = (  # the rules of ``training.loop`` and of the families
    "A trial ends by itself when its validation loss has not improved for 20 epochs, or about 1,000 steps where an "
    "epoch has few (neighbours: 12 epochs or 300 steps; boosting: 200 rounds). After a quarter of these epochs the "
    "learning rate of a network is halved (ReduceLROnPlateau)."
)


class Budget(TypedDict):
    """Defaults of ``TaskFacts``: epochs of a trial, epochs before it can be stopped, and what ends it by itself."""

    max_epochs: int
    grace_period: int
    early_stopping: str


def table_budget(rows: int) -> Budget:
    """Return the default budget of a trial on a table.

    Args:
        rows: of the whole table, all splits together.
    """
    epochs = usual_epochs(round(rows * TRAINING_SHARE))
    return Budget(max_epochs=epochs, grace_period=max(1, round(epochs / GRACE_SHARE)), early_stopping=EARLY_STOPPING)


def usual_epochs(training_rows: int) -> int:
    """Return the epochs that a trial on this many training rows gets by default."""
    batch = min(USUAL_BATCH, max(SMALL_BATCH, training_rows // BATCHES))
    steps_per_epoch = max(1, math.ceil(training_rows / batch))
    return min(MAX_EPOCHS, max(MIN_EPOCHS, math.ceil(STEPS / steps_per_epoch)))
