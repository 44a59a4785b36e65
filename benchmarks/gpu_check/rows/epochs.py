"""An epoch of each family of models on the card against one on a CPU thread."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu_check.row import CPU, CUDA, Measured, Setting
from benchmarks.gpu_check.rows.made_data import write_pictures, write_texts, write_weights
from benchmarks.gpu_check.rows.training import epoch_seconds, first_config, train
from trainables import SPLIT_SEED, Task, get_task, load_data
from trainables.base.training.compute import Compute

CPU_EPOCHS = 2  # the second one is timed
# of which most are of the whole network: those on frozen features cost next to nothing anywhere
TRANSFER = {"family": "transfer", "frozen_epochs": 2, "tuned_epochs": 6}


def compare_epochs(setting: Setting, task_name: str, family: str = "") -> Measured:
    """Train the first configuration of a family on the CPU and, where there is one, on the card.

    Args:
        setting: Where and how long.
        task_name: A task's name; texts, pictures and pretrained weights are made up in the working directory.
        family: The value of ``family``; empty for a task that has one.
    """
    task = _make_task(task_name, family)
    data = load_data(task, SPLIT_SEED).training
    fixed = TRANSFER if family == "transfer" else {"family": family} if family else {}
    config = first_config(task, fixed)
    slow = epoch_seconds(train(task, data, config, CPU_EPOCHS, Compute(device=CPU)))
    if setting.device == CPU:
        return Measured(f"{slow * 1e3:.1f} ms on a CPU thread", {"cpu_seconds": slow})
    fast = epoch_seconds(train(task, data, config, setting.epochs, Compute(device=CUDA)))
    return Measured(
        f"{fast * 1e3:.1f} ms on the card, {slow * 1e3:.1f} ms on a CPU thread: {slow / fast:.1f} times as fast",
        {"cpu_seconds": slow, "cuda_seconds": fast},
    )


def _make_task(name: str, family: str) -> Task:
    if name == "text":
        return get_task(name, data=str(write_texts(Path("texts.csv"))), text="text", target="label")
    if name == "images":
        weights = {"weights": str(write_weights(Path("weights.safetensors")))} if family == "transfer" else {}
        return get_task(name, data=str(write_pictures(Path("pictures"))), **weights)
    return get_task(name)
