"""MNIST: handwritten digits, a bundled sample of 5,000 by default, all 70,000 when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task

if TYPE_CHECKING:
    import numpy as np
    import torch

    from trainables.base.images.predictor import ImagePredictor

DATA = ("sample", "full")


class MNIST(Task):
    """Ten classes, two model families; reference 784-128-64-10, the model of the course notes.

    Args:
        data: ``"sample"``, the bundled 5,000 images split 64/16/20, or ``"full"``, MNIST's own 60,000 (of which one
            fifth validates) and 10,000 test images, downloaded by torchvision when they are not there yet.
        data_dir: a folder that holds the four IDX files of the full data; nothing is downloaded.
    """

    facts = TaskFacts(
        name="mnist",
        title="Handwritten digits, bundled sample of 5,000 images",
        kind="images",
        source="LeCun et al. 1998; a sample of 5,000 images of MNIST's training set, 500 of each digit",
        licence="CC BY-SA 3.0",
        score="accuracy",
        score_direction="maximize",
        grace_period=15,  # pictures that are moved and turned learn slower at first and further in the end
        note=(
            "A bundled sample of 5,000 images (3,200 train): scores do not compare with those on the full "
            "60,000/10,000 (--data full)."
        ),
    )
    reference = {
        "family": "mlp",
        "n_layers": 2,
        "width_1": 128,
        "width_2": 64,
        "dropout": 0.0,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "batch_size": 64,
        "augment": False,
        "convolutions": 2,  # from here on for --set family=cnn, --set augment=true
        "channels": 16,
        "hidden": 128,
        "batch_norm": True,
        "shift": 2.0,
        "rotation": 15.0,
        "zoom": 0.2,
        "shear": 0.0,
    }
    options = (
        TaskOption("data", "Bundled sample of 5,000 images, or all 70,000.", choices=DATA, default="sample"),
        TaskOption("data_dir", "Folder with the four IDX files of the full data; nothing is downloaded."),
    )
    bundled_files: tuple[str, ...] = ("mnist_5k.npz",)

    def __init__(self, data: str | None = None, data_dir: str | Path | None = None) -> None:
        if data is not None and data not in DATA:
            raise UserError(f"'--data' of task 'mnist' must be sample or full, got '{data}'.")
        if data == "sample" and data_dir is not None:
            raise UserError("'--data sample' is bundled and takes no '--data-dir'. Leave one of the two out.")
        self.data = data or ("sample" if data_dir is None else "full")
        self.data_dir = None if data_dir is None else Path(data_dir).expanduser()
        if self.data == "full":
            self.bundled_files = ()
            self.facts = replace(
                self.facts,
                title="Handwritten digits, the full 60,000/10,000 images",
                source="LeCun et al. 1998, MNIST's own training and test set",
                note="The full MNIST: one fifth of the 60,000 validates, the 10,000 are the test split.",
            )

    def check_data(self) -> None:
        super().check_data()
        if self.data_dir is not None:
            from trainables.base.images.idx_files import find_files

            find_files(self.data_dir)

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        from trainables.base.images.mnist_sample import read_sample
        from trainables.base.images.scale import ImageScale

        train, validation, test = read_sample(split_seed) if self.data == "sample" else self._full(split_seed)
        scale = ImageScale.fit(train.inputs)
        arrays: dict[str, np.ndarray] = {}
        for name, part in (("train", train), ("val", validation)):
            arrays |= {f"x_{name}": scale.transform(part.inputs), f"y_{name}": part.targets}
        sealed = {"x_test": test.inputs, "y_test": test.targets}
        facts = {"n_outputs": 10, "classes": list(range(10)), "data": self.data}
        return Splits(
            training=TrainingData(arrays, facts, digest_arrays(arrays, sealed)),
            train=train,
            validation=validation,
            test=SealedTest(test),
            preprocessing=scale,
        )

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
        from trainables.base.images.networks import fit_images

        return fit_images(config, data, seed, max_epochs=max_epochs, device=device)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> ImagePredictor:
        from trainables.base.images.predictor import ImagePredictor

        return ImagePredictor(dict(config), dict(splits.training.facts), weights, splits.preprocessing)

    def features(self, splits: Splits, inputs: Any) -> np.ndarray:
        """Return means of 2 x 2 pixels, (n, 196): with all pixels boosting takes six times as long, and is worse."""
        images = splits.preprocessing.transform(inputs).reshape(len(inputs), 14, 2, 14, 2)
        means: np.ndarray = images.mean(axis=(2, 4)).reshape(len(inputs), -1)
        return means

    def scores(self, predictor: Any, split: RawSplit) -> dict[str, float]:
        from trainables.base.kinds.registry import row_kind

        return row_kind(self.facts.kind).scores(predictor.outputs(split.inputs), split.targets, predictor.facts)

    def description(self) -> dict[str, Any]:
        if self.data == "sample":
            return {"data": "bundled sample of 5,000 images", "rows": 5_000, "pixels": "28 x 28"}
        return {"data": "full MNIST, 60,000/10,000 images", "rows": 70_000, "pixels": "28 x 28"}

    def _full(self, split_seed: int) -> tuple[RawSplit, RawSplit, RawSplit]:
        import numpy as np
        from sklearn.model_selection import train_test_split

        from trainables.base.images.idx_files import read_mnist

        images, labels, test_images, test_labels = read_mnist(self.data_dir)
        rows = np.arange(len(labels))
        parts = train_test_split(rows, test_size=0.2, random_state=split_seed, stratify=labels)
        train, validation = (RawSplit(images[part], labels[part]) for part in map(np.sort, parts))
        return train, validation, RawSplit(test_images, test_labels)
