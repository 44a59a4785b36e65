"""Train the fixed classifier of the task ``mnist_gan``: ``python -m trainables.mnist_gan_judge [--output FILE]``.

Its features compare generated digits with real ones. It is trained once, from a fixed seed, on the training digits of
mnist's own split, and ships with the data: distances of any two sweeps on any two machines compare.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainables.base.images.generation.judge import Judge

SEED, EPOCHS = 20_261_129, 20


def train_judge() -> tuple[Judge, float]:
    """Train the classifier; return it and its accuracy on the validation digits."""
    import torch
    from torch import nn

    from trainables.base.contract.data import TrainingData
    from trainables.base.contract.task import SPLIT_SEED
    from trainables.base.images.generation.judge import LAYOUT, Judge, as_pictures
    from trainables.base.images.mnist_sample import read_sample
    from trainables.base.images.networks import CNN, Distortion
    from trainables.base.images.scale import ImageScale
    from trainables.base.training.compute import cpu_threads
    from trainables.base.training.loop import fit_annealed
    from trainables.base.training.randomness import seeded

    train, validation, _ = read_sample(SPLIT_SEED)
    scale = ImageScale.fit(train.inputs)
    arrays = {"x_train": scale.transform(train.inputs), "y_train": train.targets}
    arrays |= {"x_val": scale.transform(validation.inputs), "y_val": validation.targets}
    data = TrainingData(arrays, {"classes": list(range(10))}, "")
    with seeded(SEED):
        network = CNN(10, batch_norm=True, **LAYOUT)
    config = {"lr": 3e-3, "batch_size": 64, "weight_decay": 1e-2}
    small = Distortion(shift=1.0, rotation=8.0, zoom=0.1)
    with cpu_threads(1):
        reports = fit_annealed(network, data, config, SEED, kind="multiclass", max_epochs=EPOCHS, augment=small)
        *_, last = reports
    judge = Judge().eval()
    judge.network.load_state_dict(network.state_dict())
    judge.mean.fill_(scale.mean)
    judge.std.fill_(scale.std)
    size = judge.read(as_pictures(train.inputs))[0].square().mean().sqrt()
    with torch.no_grad():  # a rectified layer scales with its weights, and the next one takes the scale back
        hidden, outputs = (layer for layer in judge.network.head if isinstance(layer, nn.Linear))
        hidden.weight.div_(size)
        hidden.bias.div_(size)
        outputs.weight.mul_(size)
    return judge, float(last.metrics["val_accuracy"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the classifier's weights."""
    from safetensors.torch import save_file

    from trainables.base.contract.files.bundled import DATA
    from trainables.base.images.generation.judge import FILE

    parser = argparse.ArgumentParser(prog="python -m trainables.mnist_gan_judge", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=DATA / FILE, help="safetensors file to write")
    output = parser.parse_args(arguments).output
    judge, accuracy = train_judge()
    save_file({name: value.contiguous() for name, value in judge.state_dict().items()}, output)
    sys.stdout.write(f"{output}: validation accuracy {accuracy:.4f}\n")


if __name__ == "__main__":
    main()
