"""The full MNIST: IDX files in a folder of the user's, or downloaded through torchvision."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.files.bounded_input import unpack_gzip
from trainables.base.contract.files.cache import cache_folder

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def read_mnist(folder: Path | None) -> Arrays:
    """Return training images (n, 28, 28) uint8 and labels (n,) int64, then the same of the test set.

    Args:
        folder: holds the four IDX files, plain or gzipped, itself or in ``MNIST/raw`` below it, where torchvision puts
            them. None: torchvision's loader, in the user's cache; it downloads what is not there.

    Raises:
        UserError: a file is missing or is not an IDX file, or the download fails.
    """
    if folder is None:
        return _through_torchvision(cache_folder())
    train_images, train_labels, test_images, test_labels = map(_read, find_files(folder))
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1 or labels.max(initial=0) > 9:
            raise UserError(
                f"The IDX files in '{folder}' are not MNIST's: images {images.shape}, labels {labels.shape}."
            )
    return train_images, train_labels.astype(np.int64), test_images, test_labels.astype(np.int64)


def find_files(folder: Path) -> list[Path]:
    """Return the four IDX files in the order of ``FILES``; raise ``UserError`` when one is missing."""
    if not folder.is_dir():
        raise UserError(
            f"'--data-dir {folder}' is not a folder. Give the one that holds {FILES[0]} and its companions."
        )
    return [_find(folder, name) for name in FILES]


def _find(folder: Path, name: str) -> Path:
    for place in (folder, folder / "MNIST" / "raw", folder / "raw"):
        for path in (place / name, place / f"{name}.gz"):
            if path.is_file():
                return path
    raise UserError(f"'--data-dir {folder}' lacks {name} (or {name}.gz). It must hold {', '.join(FILES)}.")


def _read(path: Path) -> np.ndarray:
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    try:
        if path.suffix != ".gz":
            return np.asarray(read_sn3_pascalvincent_tensor(str(path)).numpy())
        with tempfile.TemporaryDirectory() as plain:  # torchvision reads plain files only
            unpacked = Path(plain, path.stem)
            unpacked.write_bytes(unpack_gzip(path.read_bytes(), str(path)))
            return np.asarray(read_sn3_pascalvincent_tensor(str(unpacked)).numpy())
    except UserError:
        raise
    except (OSError, ValueError, KeyError, IndexError, AssertionError, RuntimeError) as error:
        raise UserError(f"'{path}' is not a readable IDX file ({describe_error(error)}).") from error


def _through_torchvision(root: Path) -> Arrays:
    from torchvision.datasets import MNIST

    try:
        train, test = (MNIST(root, train=part, download=True) for part in (True, False))
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"MNIST cannot be downloaded to '{root}' ({error}). Put its four IDX files into a folder and give it "
            "with --data-dir, or use the bundled sample (--data sample)."
        ) from error
    return train.data.numpy(), train.targets.numpy(), test.data.numpy(), test.targets.numpy()
