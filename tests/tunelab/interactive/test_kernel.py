"""Sweeps in a Jupyter kernel: what cells show, Ray between them, interrupts, and what a restart leaves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers import wait_until
from tests.kernels import Kernel, Shown, command_line, descendants, started_kernel
from tunelab.launch.ray_internals.parts import forks_on

TEN_LINES = """
import tunelab

def train(config, trial):
    for epoch in range(trial.max_epochs):
        trial.report(val_loss=(config["너비"] - 64) ** 2 / 1000 + 1 / (epoch + 1), accuracy=epoch / 10)

def space(trial):
    return {"너비": trial.suggest_int("너비", 8, 256, log=True), "lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True)}

result = tunelab.run_sweep(train, space=space, trials=6, max_epochs=5)
result
"""
SLOW = """
import time

def slow(config, trial):
    for epoch in range(trial.max_epochs):
        time.sleep(0.2)
        trial.report(val_loss=config["lr"] + 1 / (epoch + 1))

result = tunelab.run_sweep(slow, space=space, trials={trials}, max_epochs={epochs}, name="slow", scheduler="none")
print(result.stopped or "complete", len(result.trials))
"""
RAY_PARTS = ("gcs_server", "raylet", "fork_server")


@pytest.fixture
def kernel(tmp_path: Path, make_store_uri: Callable[[Path], str]) -> Iterator[Kernel]:
    """A kernel in a folder whose store has its tables: to make these takes seconds."""
    make_store_uri(tmp_path / "mlruns")
    without = ("RAY_ADDRESS", "MLFLOW_TRACKING_URI")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    with started_kernel(tmp_path, environment) as started:
        yield started


def ray_of(kernel: Kernel) -> dict[int, str]:
    """The processes of Ray that a kernel has started."""
    return {p: line for p, line in descendants(kernel.pid).items() if any(part in line for part in RAY_PARTS)}


def ended(processes: dict[int, str]) -> bool:
    return all(command_line(pid) != line for pid, line in processes.items())


def run(kernel: Kernel, code: str) -> Shown:
    shown = kernel.run(code)
    assert not shown.error
    return shown


def test_ten_lines_in_a_fresh_kernel_and_a_second_sweep_on_the_same_ray(kernel: Kernel) -> None:
    first = run(kernel, TEN_LINES)
    assert first.text == ""  # nothing of Tune's reporter, Optuna's or MLflow's notes
    live = [page for page in first.pages if "trials ended" in page]
    assert live, first.pages
    assert "너비" in live[-1]
    assert "<svg" in first.html
    assert "너비" in first.html
    assert first.result.startswith("<sweep train-")
    assert first.pages[-1] == ""  # the live table makes room for the result

    assert run(kernel, "import sys; print('torch' in sys.modules)").text == "False\n"  # no model was there to load

    parts = ray_of(kernel)
    assert len(parts) == len(RAY_PARTS if forks_on() else RAY_PARTS[:-1])
    assert "IPython" not in run(kernel, "import mlflow; print(mlflow.active_run(), mlflow.get_tracking_uri())").text
    second = run(kernel, TEN_LINES)
    assert second.result.startswith("<sweep train-")
    assert ray_of(kernel) == parts
    inside = run(kernel, "import asyncio\nprint(asyncio.get_running_loop().is_running())\nprint(result.trials[3])")
    assert inside.text.startswith("True")
    assert len(inside.text) < 200
    run(kernel, "tunelab.shutdown()")
    assert ended(parts)


@pytest.mark.slow
def test_a_ray_of_the_users_own_is_used_and_left_alone(kernel: Kernel) -> None:
    run(kernel, TEN_LINES)
    kept = ray_of(kernel)
    start = "import ray\nray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)"
    assert "ray.init twice" in kernel.run(start).error
    kernel.run(f"ray.shutdown()\n{start}")  # as Ray's message says, rather than tunelab.shutdown()
    assert wait_until(lambda: not {p for p, line in kept.items() if "raylet" in line and command_line(p) == line})
    assert run(kernel, TEN_LINES).result.startswith("<sweep train-")
    own = {pid: line for pid, line in ray_of(kernel).items() if pid not in kept}
    assert own
    run(kernel, "tunelab.shutdown()")
    assert run(kernel, "print(ray.get(ray.remote(lambda: 7).remote()))").text.strip() == "7"
    assert run(kernel, TEN_LINES).result.startswith("<sweep train-")


@pytest.mark.slow
def test_an_interrupted_cell_ends_in_order_and_the_sweep_continues(kernel: Kernel) -> None:
    run(kernel, TEN_LINES)
    interrupts: list[str] = []

    def interrupt(page: str) -> None:
        if "running" in page and not interrupts:
            interrupts.append(page)
            kernel.manager.interrupt_kernel()

    code = SLOW.format(trials=4, epochs=20)
    shown = kernel.run(code, interrupt)
    assert interrupts
    assert not shown.error
    assert shown.text.startswith("interrupted")
    again = run(kernel, code)
    assert again.text.split() == ["complete", "4"]
    statuses = run(kernel, "print(set(result.to_pandas().status), result.study().trials[0].duration)").text
    assert "finished" in statuses


@pytest.mark.slow
@pytest.mark.parametrize("now", [False, True])
def test_a_restarted_kernel_leaves_no_process(kernel: Kernel, now: bool) -> None:
    run(kernel, TEN_LINES)
    parts = ray_of(kernel)
    assert parts
    kernel.restart(now=now)
    assert wait_until(lambda: ended(parts), seconds=30)
