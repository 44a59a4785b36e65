"""Pictures of the user's own: a folder with one folder a class, or a table of paths and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.names import task_name
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task

if TYPE_CHECKING:
    import numpy as np
    import torch

    from trainables.base.images.picture_files import PictureFiles
    from trainables.base.images.picture_predictor import PicturePredictor

SIDE, MIN_SIDE, MAX_SIDE = 64, 16, 512  # pixels
PRETRAINED_SIDE = 128  # pixels with pretrained weights, which were made with 224
STEPS, MIN_EPOCHS, MAX_EPOCHS = 2_000, 10, 60  # of the optimizer in a whole trial, and the epochs that these may be
USUAL_BATCH, TRAINING_SHARE, GRACE_SHARE = 32, 0.64, 6
TRANSFER_REFERENCE: dict[str, bool | int | float | str] = {
    "family": "transfer",
    "frozen_epochs": 3,
    "tuned_epochs": 6,
    "backbone_share": 0.5,
    "transfer_lr": 1e-3,
    "transfer_dropout": 0.2,
    "transfer_weight_decay": 1e-2,
}
FEW_A_CLASS = 100  # pictures; up to 64 a class, transfer is ahead by a tenth of accuracy (test_images_transfer.py)
BASELINE_SIDE = 16  # pixels of what baselines read: with more they take longer and are no better


class Images(Task):
    """Classes of pictures by a small residual network; reference: three stages of one block, from 16 channels.

    With pretrained weights a second family learns from them, and is the reference. The names of the files are read at
    once, so that a folder that cannot be learned is refused before anything starts.

    Args:
        data: Folder with one folder a class, or a CSV, TSV or Parquet file with a column of paths and one of labels.
        side: Pixels of the square that each picture becomes.
        weights: File of pretrained weights, or the name of a torchvision architecture, whose weights are fetched
            when they are not on this machine.

    Raises:
        UserError: No such folder, fewer than two classes, a class with fewer than three pictures, or weights that
            cannot be read or are of no known architecture.
    """

    facts = TaskFacts(
        name="images",
        title="Pictures of your own (--data FOLDER, one folder a class)",
        kind="images",
        source="the user's files",
        licence="the user's own",
        score="accuracy",
        score_direction="maximize",
    )
    reference = {
        "channels": 16,
        "stages": 3,
        "blocks": 1,
        "dropout": 0.1,
        "lr": 3e-3,
        "weight_decay": 1e-2,
        "batch_size": 32,
        "augment": True,
        "flip": True,
        "shift": 0.1,
        "zoom": 0.1,
        "light": 0.2,
    }
    space_name = "images"
    options = (
        TaskOption("data", "Folder with one folder of pictures a class, or a table of paths and labels."),
        TaskOption(
            "side",
            "Pixels of the square that each picture becomes.",
            int,
            default=f"{SIDE}; {PRETRAINED_SIDE} with --weights",
        ),
        TaskOption("weights", "Pretrained weights: safetensors or torch file, or a torchvision name (then fetched)."),
    )

    def __init__(
        self, data: str | Path | None = None, side: int | None = None, weights: str | Path | None = None
    ) -> None:
        if data is None or not str(data).strip():
            raise UserError("Task 'images' needs a folder with one folder of pictures a class: --data FOLDER.")
        usual = SIDE if weights is None else PRETRAINED_SIDE
        self.side = usual if side is None else side
        if isinstance(self.side, bool) or not isinstance(self.side, int) or not MIN_SIDE <= self.side <= MAX_SIDE:
            raise UserError(f"--side of task 'images' must be from {MIN_SIDE} to {MAX_SIDE} pixels, got {side!r}.")
        self.path = Path(data).expanduser()
        files = self._find()
        self.weights = None if weights is None else str(weights)
        self._architecture = ""
        if self.weights is not None:
            from trainables.base.images.backbones import find_backbone

            self._architecture = find_backbone(self.weights).architecture
            self.space_name, self.reference = "images_transfer", {**self.reference, **TRANSFER_REFERENCE}
        from trainables.base.images.picture_files import shown_classes

        self._count, self._classes = len(files.paths), shown_classes(files.labels)
        self._notes = files.notes
        epochs = _usual_epochs(round(self._count * TRAINING_SHARE))
        self.facts = replace(
            type(self).facts,
            name=task_name("images", self.path),
            title=f"Pictures in {self.path.name}",
            source=self.path.name,
            max_epochs=epochs,
            grace_period=max(1, round(epochs / GRACE_SHARE)),
        )

    def _find(self) -> PictureFiles:
        from trainables.base.images.picture_files import check_classes, of_folder, of_table

        if self.path.is_dir():
            return check_classes(of_folder(self.path), self.path)
        if not self.path.is_file():
            raise UserError(f"--data '{self.path}' does not exist. Give a folder with one folder of pictures a class.")
        from trainables.base.tables.reading.file import read_table_file

        return check_classes(of_table(read_table_file(self.path).frame, self.path.parent), self.path)

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        import numpy as np

        from trainables.base.contract.splits import check_rows, split_distinct
        from trainables.base.images.picture_files import colour_moments, read_pictures, shown_classes, unlike_copies
        from trainables.base.kinds.registry import row_kind

        pictures = read_pictures(self._find(), self.side)
        self._count, self._classes = len(pictures.labels), shown_classes(pictures.labels)
        check_rows(len(pictures.labels))
        digests = _digests(pictures.pixels)
        rows = split_distinct(digests, split_seed, pictures.labels)
        self._notes = (*pictures.notes, *unlike_copies(digests, pictures.labels), *self._advice())
        parts = {
            name: RawSplit(pictures.pixels[part], pictures.labels[part])
            for name, part in (("train", rows.train), ("val", rows.validation), ("test", rows.test))
        }
        kind, (mean, std) = row_kind(self.facts.kind), colour_moments(parts["train"].inputs)
        facts = kind.target_facts(parts["train"].targets, pictures.labels, "none") | {
            "side": self.side,
            "mean": mean,
            "std": [value or 1.0 for value in std],
        }
        arrays: dict[str, np.ndarray] = {}
        for name in ("train", "val"):
            arrays |= {
                f"x_{name}": np.ascontiguousarray(parts[name].inputs.transpose(0, 3, 1, 2)),
                f"y_{name}": kind.encode_target(parts[name].targets, facts),
            }
        derived: dict[str, np.ndarray] = {}
        if self.weights is not None:
            derived = self._pretrained(arrays, facts)
        sealed = {"x_test": parts["test"].inputs, "y_test": kind.encode_target(parts["test"].targets, facts)}
        return Splits(
            training=TrainingData({**arrays, **derived}, facts, digest_arrays(arrays, sealed)),
            train=parts["train"],
            validation=parts["val"],
            test=SealedTest(parts["test"]),
        )

    def _advice(self) -> tuple[str, ...]:
        """Return a hint at pretrained weights where pictures are few and none are given."""
        if self.weights is not None or self._count >= FEW_A_CLASS * len(self._classes):
            return ()
        return (
            "With few pictures a class, learning from a network that has seen many others is more accurate: --weights "
            "FILE takes its weights, a name such as resnet18 fetches torchvision's.",
        )

    def _pretrained(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Add the pretrained weights to arrays and facts; return what they make of the pictures.

        The digest covers the weights and not the features, whose last bits depend on the machine.
        """
        from trainables.base.images.backbones import find_backbone
        from trainables.base.images.transfer import INPUTS, features_of, pretrained_arrays

        assert self.weights is not None
        backbone = find_backbone(self.weights)
        facts["backbone"] = {"architecture": backbone.architecture, "weights": Path(self.weights).name}
        features = {f"{INPUTS}_{name}": features_of(backbone, arrays[f"x_{name}"]) for name in ("train", "val")}
        arrays |= pretrained_arrays(backbone)
        return features

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        from trainables.base.images.picture_model import fit_pictures

        return fit_pictures(config, data, seed, kind=self.facts.kind, max_epochs=max_epochs, device=device)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> PicturePredictor:
        from trainables.base.images.picture_predictor import PicturePredictor

        return PicturePredictor(dict(config), dict(splits.training.facts), weights)

    def features(self, splits: Splits, inputs: Any) -> np.ndarray:
        """Return means of squares of pixels, at most 16 x 16 of three colours, (n, 768)."""
        import torch
        from torch.nn import functional as F

        pixels = torch.from_numpy(inputs.transpose(0, 3, 1, 2)).float() / 255
        means: np.ndarray = F.adaptive_avg_pool2d(pixels, min(BASELINE_SIDE, self.side)).flatten(1).numpy()
        return means

    def linear_features(self, splits: Splits) -> dict[str, Callable[[Any], np.ndarray]]:
        """Return what the pretrained network makes of pictures, where there is one."""
        if self.weights is None:
            return {}
        from trainables.base.images.backbones import find_backbone
        from trainables.base.images.transfer import INPUTS, features_of

        backbone, arrays = find_backbone(self.weights), splits.training.arrays

        def features(inputs: Any) -> np.ndarray:
            for name, part in (("train", splits.train), ("val", splits.validation)):
                if inputs is part.inputs:
                    return arrays[f"{INPUTS}_{name}"]
            return features_of(backbone, inputs.transpose(0, 3, 1, 2).copy())

        return {"pretrained features": features}

    def scores(self, predictor: Any, split: RawSplit) -> dict[str, float]:
        from trainables.base.kinds.registry import row_kind

        return row_kind(self.facts.kind).scores(predictor.outputs(split.inputs), split.targets, predictor.facts)

    def description(self) -> dict[str, Any]:
        return {
            "data": str(self.path),
            "rows": self._count,
            "pixels": f"{self.side} x {self.side}",
            "classes": dict(self._classes),
            **({"pretrained": f"{self._architecture} from {Path(str(self.weights)).name}"} if self.weights else {}),
            "notes": list(self._notes),
        }


def _digests(pixels: np.ndarray) -> np.ndarray:
    import hashlib

    import numpy as np

    return np.array([hashlib.sha256(picture.tobytes()).hexdigest() for picture in pixels])


def _usual_epochs(training_rows: int) -> int:
    steps_per_epoch = max(1, training_rows // USUAL_BATCH)
    return min(MAX_EPOCHS, max(MIN_EPOCHS, STEPS // steps_per_epoch))
