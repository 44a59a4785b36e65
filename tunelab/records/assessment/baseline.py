"""A baseline: a simple model on the same splits as a sweep's winner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REFERENCE = "reference"  # the name of the task's own configuration among baselines and rows of a confirmation


@dataclass(frozen=True)
class Baseline:
    """A simple model on the same splits: ``mean``, ``linear``, ``gradient boosting`` or the task's ``reference``.

    Attributes:
        name: One of the above.
        validation: The task's scores on the validation split; empty when the model was not run.
        test: The same on the test split.
        note: Why the model was not run, e.g. ``"not run: …"``; empty when it was.
    """

    name: str
    validation: Mapping[str, float]
    test: Mapping[str, float]
    note: str = ""
