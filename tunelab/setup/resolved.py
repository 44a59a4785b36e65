"""A sweep that is looked up and checked: what its steps are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace
from trainables import Task
from tunelab.records.spec import ResolvedSpec


@dataclass(frozen=True)
class ResolvedSweep:
    """A spec with everything looked up and filled in.

    Attributes:
        spec: every default filled in.
        task: looked up.
        space: what is searched, with the spec's wider ranges and without the choices that it drops.
        own_space: the same without these changes.
        home: folder of the tracking store, where sweeps' folders lie.
        folder: of this sweep: journal, weights, checkpoints.
        warm_start: trials of an earlier sweep that the sampler learns from.
    """

    spec: ResolvedSpec
    task: Task
    space: SearchSpace
    own_space: SearchSpace
    home: Path
    folder: Path
    warm_start: tuple[FrozenTrial, ...] = ()

    @property
    def storage(self) -> str:
        """URI of the folder for this sweep's weights and checkpoints."""
        return str(self.folder) if self.spec.storage is None else f"{self.spec.storage.rstrip('/')}/{self.spec.name}"


@dataclass(frozen=True)
class InMemory:
    """What a Python caller gives as objects and not by name.

    Attributes:
        task: What is learned; looked up by the spec's name when None.
        space: What is searched; looked up when None.
    """

    task: Task | None = None
    space: SearchSpace | None = None
