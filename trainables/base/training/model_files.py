"""The files that models of rows share: what they are and were trained with as JSON, their weights as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from search_spaces.values import pack, unpack
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.task import Config
from trainables.base.kinds.kind import Kind

if TYPE_CHECKING:
    from torch import Tensor

META, WEIGHTS = "predictor.json", "weights.safetensors"


@dataclass(frozen=True)
class ModelMeta:
    """What ``predictor.json`` holds.

    Attributes:
        path: Of the file, for errors.
        config: The trial's configuration.
        facts: ``TrainingData.facts`` of the data the model was trained on.
        stored: All that the file holds.
    """

    path: Path
    config: dict[str, Any]
    facts: dict[str, Any]
    stored: Mapping[str, Any]

    @property
    def kind(self) -> Kind:
        """Kind of the target; raises ``UserError`` where the file gives none."""
        return cast(Kind, entry(self.stored, "kind", str, self.path))


def save_meta(folder: Path, predictor: str, kind: str, config: Config, facts: Mapping[str, Any]) -> None:
    """Write ``predictor.json``; ``predictor`` is the name by which the class is found again."""
    meta = {"predictor": predictor, "kind": kind, "config": pack(config), "facts": facts}
    (folder / META).write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")


def load_meta(folder: Path) -> ModelMeta:
    """Read what ``save_meta`` wrote; raises ``UserError`` where it is missing or damaged."""
    path = folder / META
    stored = read_object(path)
    return ModelMeta(path, unpack(entry(stored, "config", dict, path)), entry(stored, "facts", dict, path), stored)


def save_weights(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Write ``weights.safetensors``."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Read what ``save_weights`` wrote; raises ``UserError`` where it is missing or damaged."""
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    with reading(path):
        weights: dict[str, Tensor] = load_file(path)
    return weights
