"""What a trial takes of a cluster: CPUs, GPUs, and how many trials fit at once."""

from __future__ import annotations

import os
from dataclasses import dataclass

from search_spaces import UserError
from trainables.base.kinds.registry import kind_of
from tunelab.launch.cluster_address import check_address, given_address
from tunelab.launch.ray_import import import_ray
from tunelab.launch.ray_internals.forks import ray_runs
from tunelab.records.spec import ResolvedSpec, SweepSpec

SHARE_GPU = 4  # trials of small models on one GPU when nothing else is asked for


@dataclass(frozen=True)
class Resources:
    """What one trial takes, and where.

    Attributes:
        cpus, gpus: of one trial.
        address: an existing Ray cluster; a local one is started when None.
        hang_timeout: seconds without a report after which a worker is killed; never when None.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    address: str | None = None
    hang_timeout: float | None = None

    @classmethod
    def from_spec(cls, spec: SweepSpec) -> Resources:
        """Return what one trial of a sweep takes."""
        return cls(spec.cpus_per_trial, spec.gpus_per_trial or 0.0, spec.address, spec.hang_timeout)


def check_cluster(resources: Resources) -> None:
    """Raise ``UserError``, before Ray is started or asked, for a cluster that is not there.

    It is one that does not answer at its address, or this machine when it has fewer CPUs or GPUs than a trial takes.
    """
    runs = ray_runs()  # in this process, whose Ray a sweep uses
    address = resources.address or (None if runs else given_address(None))
    if address:
        check_address(address)
    if runs:
        slots(import_ray().cluster_resources(), resources)
    if address or runs:
        return
    cpus = os.cpu_count() or 1
    if resources.cpus > cpus:
        raise UserError(f"--cpus-per-trial {resources.cpus:g}: this machine has {cpus} CPUs.")
    if not resources.gpus:
        return
    import torch

    if torch.cuda.device_count() < resources.gpus:
        raise UserError(
            f"--gpus-per-trial {resources.gpus:g}: this machine has {torch.cuda.device_count()} GPUs. "
            "Leave the option out to train on CPUs."
        )


def check_storage(storage: str | None) -> None:
    """Raise ``UserError`` when workers run on other machines and nothing says where weights lie for all of them."""
    others = _other_machines()
    if storage is None and others:
        raise UserError(
            f"The cluster has workers on other machines ({', '.join(others[:3])}). Give --storage: a folder that all "
            "of them see, or a URI such as s3://bucket/path."
        )


def _other_machines() -> list[str]:
    """Return the addresses of the running Ray's nodes on other machines, sorted."""
    ray = import_ray()
    own = ray.get_runtime_context().get_node_id()
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    return sorted(set(addresses.values()) - {addresses.get(own)})


def with_gpus(spec: ResolvedSpec, cluster: dict[str, float], kind: str) -> tuple[ResolvedSpec, Resources]:
    """Return the spec with the GPUs of a trial filled in from the cluster, and what one trial takes.

    Args:
        spec: with its other defaults filled in.
        cluster: its resources.
        kind: the task's.
    """
    settled = spec.model_copy(update={"gpus_per_trial": settle_gpus(spec.gpus_per_trial, cluster, kind)})
    return settled, Resources.from_spec(settled)


def settle_gpus(asked: float | None, cluster: dict[str, float], kind: str) -> float:
    """Return GPUs of one trial: what was asked for, else a share of a GPU where there are any, else 0.

    Args:
        asked: ``--gpus-per-trial``; None when not given.
        cluster: its resources.
        kind: the task's; a language model has its GPU alone.
    """
    gpus = cluster.get("GPU", 0)
    if asked is not None or not gpus:
        return asked or 0.0
    return 1.0 if kind_of(kind).costly else 1.0 / max(1, min(SHARE_GPU, int(cluster.get("CPU", 1) / gpus)))


def slots(cluster: dict[str, float], resources: Resources) -> int:
    """Return the number of trials that fit at once; raise ``UserError`` when not even one does."""
    at_once = int(cluster.get("CPU", 0) / resources.cpus + 1e-9)
    if at_once < 1:
        raise UserError(f"--cpus-per-trial {resources.cpus:g}: there are only {cluster.get('CPU', 0):g} CPUs.")
    if resources.gpus > 0:
        gpus = cluster.get("GPU", 0)
        if gpus < resources.gpus:
            raise UserError(f"--gpus-per-trial {resources.gpus:g}: there are only {gpus:g} GPUs.")
        per_gpu = int(1 / resources.gpus + 1e-9) if resources.gpus < 1 else 0
        at_once = min(at_once, int(gpus) * per_gpu if per_gpu else int(gpus / resources.gpus))
    return at_once
