"""The data that a sweep learned from, described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainables import Splits, Task
from tunelab.system.redaction import values_without_secrets


@dataclass(frozen=True)
class DataDescription:
    """What a sweep records of its data.

    Attributes:
        digest: sha256 over all rows of all splits.
        split_seed: Seed of the split.
        train_rows, validation_rows, test_rows: Number of rows of each split.
        details: What the task says of its data, JSON values by name: dropped columns, notes, ...; no URI in
            it holds a password.
    """

    digest: str
    split_seed: int
    train_rows: int
    validation_rows: int
    test_rows: int
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_splits(cls, task: Task, splits: Splits, split_seed: int) -> DataDescription:
        """Describe a task's data.

        Args:
            task: Describes its own data further.
            splits: What it loaded.
            split_seed: Seed that it split with.
        """
        return cls(
            digest=splits.training.digest,
            split_seed=split_seed,
            train_rows=len(splits.train.targets),
            validation_rows=len(splits.validation.targets),
            test_rows=len(splits.test),
            details=values_without_secrets(task.description()),
        )
