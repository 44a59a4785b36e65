"""Made-up texts, pictures and weights for tasks that come without: they are to be trained on, not to be learned."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("one", "two")
TEXTS, SYLLABLES = 400, 40  # texts, and syllables of each
PICTURES, SIDE = 60, 64  # pictures of each class, pixels
FIRST_SYLLABLE = ord("가")


def write_texts(path: Path) -> Path:
    """Write a CSV file of random Korean syllables, those of each class from a range of its own; return its path."""
    draw = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        for number in range(TEXTS):
            kind = number % len(CLASSES)
            codes = FIRST_SYLLABLE + draw.integers(100 * kind, 100 * kind + 300, SYLLABLES)
            writer.writerow(["".join(map(chr, codes)), CLASSES[kind]])
    return path


def write_pictures(folder: Path) -> Path:
    """Write PNG files of noise, those of each class of a brightness of its own; return the folder."""
    draw = np.random.default_rng(0)
    for kind, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(PICTURES):
            pixels = draw.integers(60 * kind, 60 * kind + 180, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def write_weights(path: Path) -> Path:
    """Write random weights of an EfficientNet-Lite0 in place of pretrained ones, as safetensors; return the path."""
    import torch
    from safetensors.torch import save_file

    from trainables.base.images.efficientnet_lite import EfficientNetLite0

    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(EfficientNetLite0().state_dict(), path)
    return path
