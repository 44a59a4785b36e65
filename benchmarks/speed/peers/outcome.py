"""What a peer's script gets and leaves behind. Imports nothing heavy: scripts are timed from their start."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How the work went.

    Attributes:
        epochs: trained, of all trials together.
        trials: ended.
        best: lowest validation loss.
        train_seconds: spent training, of all workers together; 0 when the peer does not say.
        fit_seconds: of the search, without imports and start-up; 0 when the peer does not say.
        first_epoch: unix time at which the first epoch was over; 0 when the peer does not say.
    """

    epochs: int
    trials: int
    best: float
    train_seconds: float = 0.0
    fit_seconds: float = 0.0
    first_epoch: float = 0.0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Outcome:
        return cls(**json.loads(path.read_text()))


def arguments() -> tuple[Path, Path]:
    """Return the folder with the work and the file for the outcome, absolute."""
    work, outcome = sys.argv[1:3]
    return Path(work).absolute(), Path(outcome).absolute()
