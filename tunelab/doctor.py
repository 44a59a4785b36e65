"""What the platform sees of this machine, its Ray, its store and its data, and what is wrong."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from search_spaces.errors import UserError, describe_error
from trainables.base.training.machine_memory import available_memory
from tunelab.records.text import format_bytes, format_number
from tunelab.system.machine import cpu_quota, processor, usable_cpus
from tunelab.system.redaction import without_secrets
from tunelab.tracking.uri import existing_folder, home_of, sqlite_path

LOW_MEMORY = 2 * 2**30  # Ray and a worker or two
LOW_DISK = 2**30
SMALL_SHM = 64 * 2**20  # below, Ray keeps its object store on disk


@dataclass(frozen=True)
class Finding:
    """Something that was looked at.

    Attributes:
        name: what.
        value: what was seen.
        problem: what is wrong with it and what to do; empty when all is well.
    """

    name: str
    value: str
    problem: str = ""


def examine(tracking_uri: str, address: str | None) -> Iterator[Finding]:
    """Look at everything, cheap things first. A check that fails is a finding, never an exception.

    Args:
        tracking_uri: the store.
        address: a Ray cluster; a local Ray is started and ended when None and no RAY_ADDRESS is set.
    """
    home = home_of(tracking_uri)
    yield from _attempts("packages", _packages)
    yield _attempt("CPUs", _cpus)
    yield _attempt("memory", _memory)
    yield from _attempts("GPUs", _gpus)
    yield _attempt("disk of results", lambda: _disk("disk of results", existing_folder(home)))
    yield _attempt("disk of Ray's sessions", lambda: _disk("disk of Ray's sessions", Path(tempfile.gettempdir())))
    yield _attempt("shared memory", _shared_memory)
    yield _attempt("data", _data)
    yield _attempt("Korean font", _korean_font)
    yield _attempt("store", lambda: _store(tracking_uri))
    yield from _attempts("sweeps", lambda: _sweeps(home))
    yield _attempt("Ray", lambda: _ray(address))
    yield from _attempts("Ray's private parts", _private_parts)


def _packages() -> Iterator[Finding]:
    """Versions, held against what tunelab asks for."""
    for text in importlib.metadata.requires("tunelab") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(wanted.name, "not installed", f"pip install '{wanted.name}{wanted.specifier}'")
            continue
        fits = wanted.specifier.contains(version, prereleases=True)
        problem = "" if fits else f"tunelab needs {wanted.specifier}: pip install '{wanted.name}{wanted.specifier}'"
        if problem or canonicalize_name(wanted.name) in ("torch", "ray", "optuna", "mlflow"):
            yield Finding(wanted.name, version, problem)


def _cpus() -> Finding:
    usable, quota = usable_cpus(), cpu_quota()
    load = os.getloadavg()[0]
    value = f"{usable} usable, load {load:.1f}, {processor()}"
    if quota is not None and quota < usable:
        return Finding(
            "CPUs", value, f"This container may use {quota:g} of them: give --concurrency {max(1, int(quota))}."
        )
    if load > 1.5 * usable:
        return Finding("CPUs", value, "Something else keeps them busy; sweeps will be slower than planned.")
    return Finding("CPUs", value)


def _memory() -> Finding:
    left = available_memory()
    problem = "A sweep needs about 2 GB: close something, or use another machine." if left < LOW_MEMORY else ""
    return Finding("memory", f"{format_bytes(left)} available", problem)


def _gpus() -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        driver = shutil.which("nvidia-smi")
        problem = "There is an NVIDIA driver, but this torch cannot use it: install a CUDA build of torch."
        yield Finding("GPUs", "none that torch can use", problem if driver else "")
        return
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        problem = "Another process holds half of its memory." if free < total / 2 else ""
        yield Finding(
            f"GPU {index}",
            f"{torch.cuda.get_device_name(index)}, {format_bytes(free)} of {format_bytes(total)} free",
            problem,
        )


def _disk(name: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return Finding(name, str(folder), "It cannot be written: choose another with --tracking-uri.")
    problem = "`tunelab clean` shows what can go." if free < LOW_DISK else ""
    return Finding(name, f"{format_bytes(free)} free in {folder}", problem)


def _shared_memory() -> Finding:
    path = Path("/dev/shm")
    if not path.exists():
        return Finding("shared memory", "none", "Ray will keep data on disk, which is slow. Mount /dev/shm.")
    size = shutil.disk_usage(path).total
    problem = (
        "Ray will keep data on disk, which is slow. Start the container with --shm-size=2g."
        if size <= SMALL_SHM
        else ""
    )
    return Finding("shared memory", f"{path}, {format_bytes(size)}", problem)


def _data() -> Finding:
    from trainables.base.contract.files.bundled import checksums, read_bytes

    for name in checksums():
        read_bytes(name)
    return Finding("data", f"{len(checksums())} bundled files, all as shipped")


def _korean_font() -> Finding:
    from tunelab.figures.rendering.fonts import hangul_font, install_advice

    found = hangul_font()
    return Finding(
        "Korean font", f"none. {install_advice()}" if found is None else found
    )  # a remark: not everybody needs one


def _store(tracking_uri: str) -> Finding:
    path = sqlite_path(tracking_uri)
    if path is not None and not path.exists():
        return Finding("store", f"{tracking_uri}: not there yet; the first sweep creates it")
    from tunelab.tracking.store import Store

    began = time.monotonic()
    store = Store(tracking_uri)
    count = len(store.sweeps())
    seconds = time.monotonic() - began
    return Finding("store", f"{store.shown_uri}, sweeps: {count}, answered in {format_number(seconds, 2)} s")


def _sweeps(home: Path) -> Iterator[Finding]:
    from tunelab.search.journal import is_running, read_events
    from tunelab.search.replay import replay
    from tunelab.setup.folders import sweep_folder
    from tunelab.setup.resume import sweep_names

    for name in sweep_names(home):
        folder = sweep_folder(home, name)
        try:
            finished = replay(read_events(folder)).is_finished
        except UserError as error:
            yield Finding(f"sweep {name}", "damaged", str(error))
            continue
        if not finished and not is_running(folder):
            yield Finding(f"sweep {name}", "not finished", f"`tunelab resume {name}` continues it.")


def _ray(address: str | None) -> Finding:
    from tunelab.launch.cluster_address import given_address
    from tunelab.launch.ray_import import import_ray
    from tunelab.launch.ray_internals.patches import LOOPBACK
    from tunelab.launch.session import ray_running

    began = time.monotonic()
    with ray_running(address) as cluster:
        given = given_address(address)
        host = import_ray().get_runtime_context().gcs_address.rpartition(":")[0]
        where = given or "a local one"
        value = (
            f"{where}: CPUs: {cluster.get('CPU', 0):g}, GPUs: {cluster.get('GPU', 0):g}, "
            f"nodes: {sum(key.startswith('node:') and 'head' not in key for key in cluster)}, "
            f"ready in {format_number(time.monotonic() - began, 2)} s"
        )
    problem = f"It listens at {host}, where other machines reach it." if not given and host != LOOPBACK else ""
    return Finding("Ray", value, problem)


def _private_parts() -> Iterator[Finding]:
    """Return the private parts of other libraries that are used and that the installed versions lack."""
    from trainables.base.training.torch_internals import PARTS as TORCH_PARTS
    from tunelab.launch.ray_import import import_ray
    from tunelab.launch.ray_internals.parts import PARTS as RAY_PARTS
    from tunelab.search.sampling.optuna_internals import PARTS as OPTUNA_PARTS
    from tunelab.tracking.mlflow_internals import PARTS as MLFLOW_PARTS

    import_ray()
    listed = (("Ray", RAY_PARTS), ("Optuna", OPTUNA_PARTS), ("torch", TORCH_PARTS), ("MLflow", MLFLOW_PARTS))
    for library, parts in listed:
        for part in parts:
            if not part.is_there():
                yield Finding(f"{library}'s private parts", f"this version of {library} has no {part}", part.without)


def _attempt(name: str, look: Callable[[], Finding]) -> Finding:
    return next(_attempts(name, lambda: [look()]))


def _attempts(name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except UserError as error:
        yield Finding(name, "not usable", without_secrets(str(error)))
    except Exception as error:  # noqa: BLE001 what cannot even be looked at is a finding too
        yield Finding(name, "could not be looked at", without_secrets(describe_error(error)))
