"""bfloat16 and ``torch.compile`` against ordinary arithmetic: time and loss."""

from __future__ import annotations

import shutil

from benchmarks.gpu_check.row import CUDA, Measured, Setting, Skipped
from benchmarks.gpu_check.rows.training import epoch_seconds, first_config, train
from trainables import SPLIT_SEED, get_task, load_data
from trainables.base.training.compute import Compute

TASK = "mnist"


def changed_arithmetic(setting: Setting, change: str) -> Measured:
    """Train the reference of MNIST with and without a change of its arithmetic, with the same seed.

    Args:
        setting: Where and how long.
        change: A switch of ``Compute``: ``"bf16"`` or ``"compiled"``.
    """
    if change == "compiled" and setting.device != CUDA and not (shutil.which("g++") or shutil.which("c++")):
        raise Skipped("no C++ compiler, which torch.compile needs on a CPU")
    task = get_task(TASK)
    data, config = load_data(task, SPLIT_SEED).training, first_config(task)
    compute = Compute(device=setting.device)
    plain = train(task, data, config, setting.epochs, compute)
    changed = train(task, data, config, setting.epochs, Compute.from_worker({**compute.to_json(), change: True}))
    before, after = epoch_seconds(plain), epoch_seconds(changed)
    first, loss = changed.epochs[0].seconds, changed.epochs[-1].val_loss - plain.epochs[-1].val_loss
    return Measured(
        f"epoch {before * 1e3:.1f} ms without, {after * 1e3:.1f} ms with it (first epoch {first:.1f} s); "
        f"validation loss {loss:+.2g} after {setting.epochs} epochs",
        {"plain_seconds": before, "changed_seconds": after, "first_epoch_seconds": first, "loss_difference": loss},
    )
