"""Before the search: Ray runs, the data is loaded, and what one trial takes is known."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from trainables import Splits, is_shipped, load_data
from trainables.base.contract.sending import check_sending
from tunelab.display.display import Display
from tunelab.launch.ray_import import import_ray, import_tune
from tunelab.launch.resources import Resources, check_storage, slots, with_gpus
from tunelab.launch.session import ray_running
from tunelab.setup.folders import make_folder
from tunelab.setup.resolved import ResolvedSweep
from tunelab.sweep.tracking import SweepTracking


@dataclass(frozen=True)
class PreparedSweep:
    """A sweep that can begin: Ray runs.

    Attributes:
        resolved: The sweep, with the GPUs of a trial filled in.
        splits: The task's data.
        resources: What one trial takes.
        concurrency: Number of trials at once.
    """

    resolved: ResolvedSweep
    splits: Splits
    resources: Resources
    concurrency: int


@contextmanager
def prepared(
    resolved: ResolvedSweep, tracking: SweepTracking, display: Display, *, keep_ray: bool = False
) -> Iterator[PreparedSweep]:
    """Start Ray for the time of the block, and load the data and the store beside that.

    Args:
        resolved: The sweep.
        tracking: Opens the store.
        display: Shows the step.
        keep_ray: Leave a Ray that is started here running for the next sweep of this process.

    Yields:
        The sweep, ready to begin.

    Raises:
        UserError: The store, the cluster or the data cannot be used; nothing is written for a server that does not
            answer.
    """
    spec, task = resolved.spec, resolved.task
    if tracking.is_remote:
        tracking.open()
    own: Splits | None = None
    if not is_shipped(task):  # the code of a user's own task may fail: then, too, nothing is written
        import_ray()  # with our settings, before the check loads it
        check_sending(task)
        own = load_data(task, spec.split_seed)
    make_folder(resolved.home)
    display.step(f"{spec.name}: starting Ray, loading {task.facts.name}")
    import_whole("polars")
    with ThreadPoolExecutor(3) as pool:  # they wait more than they compute, while Ray starts
        loads: list[Future[Any]] = []

        def load() -> None:
            loads.append(pool.submit(lambda: own or load_data(task, spec.split_seed)))
            loads.append(pool.submit(import_tune))
            if not tracking.opens_late:
                loads.append(pool.submit(tracking.open))

        with ray_running(spec.address, spec.concurrency, load, keep=keep_ray) as cluster:
            try:
                settled, resources = with_gpus(spec, cluster, task.facts.kind)
                check_storage(spec.storage)
                capacity = slots(cluster, resources)
                splits, *_ = [one.result() for one in loads]
            finally:  # interrupted: what still loads ends first, because Ray does not end well beside it
                wait(loads)
            if capacity < (spec.concurrency or 0):
                display.step(f"--concurrency {spec.concurrency}: at most {capacity} at once fit here")
            concurrency = min(spec.concurrency or capacity, capacity)
            yield PreparedSweep(replace(resolved, spec=settled), splits, resources, concurrency)


def import_whole(package: str) -> None:
    """Import an optional package where it is installed, before threads do.

    Libraries look for it in ``sys.modules``; one that another thread is importing would be met half made.
    """
    if find_spec(package) is not None:
        import_module(package)
