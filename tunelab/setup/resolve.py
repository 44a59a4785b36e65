"""A sweep's plan: its spec with everything looked up and filled in, checked before anything starts or is written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace, UserError
from search_spaces.changes import change_space
from trainables import Task, get_task, is_shipped, shipped_tasks
from trainables.base.contract.objective import Objective
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from trainables.base.worker.storage import Storage
from tunelab.launch.resources import Resources, check_cluster, settle_gpus
from tunelab.records.spec import ResolvedSpec, SweepSpec
from tunelab.search.factory import fill_defaults, settle_sampler
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.search.sampling.fixed_parameters import check_fixed
from tunelab.search.sampling.optuna_trials import fitting_trials
from tunelab.setup.folders import sweep_folder
from tunelab.setup.named_models import local_model
from tunelab.system.redaction import without_secrets
from tunelab.tracking.uri import check_uri, check_usable, check_writable, default_tracking_uri, home_of

COMPILERS = ("g++", "clang++")  # what torch.compile looks for
MODEL = "model"  # the option of a task that names a language model


@dataclass(frozen=True)
class ResolvedSweep:
    """A spec with everything looked up and filled in.

    Attributes:
        spec: every default filled in.
        task: looked up.
        space: what is searched, with the spec's wider ranges and without the choices that it drops.
        own_space: the same without these changes.
        home: folder of the tracking store, where sweeps' folders lie.
        folder: of this sweep: journal, weights, checkpoints.
        warm_start: trials of an earlier sweep that the sampler learns from.
    """

    spec: ResolvedSpec
    task: Task
    space: SearchSpace
    own_space: SearchSpace
    home: Path
    folder: Path
    warm_start: tuple[FrozenTrial, ...] = ()

    @property
    def storage(self) -> str:
        """URI of the folder for this sweep's weights and checkpoints."""
        return str(self.folder) if self.spec.storage is None else f"{self.spec.storage.rstrip('/')}/{self.spec.name}"


@dataclass(frozen=True)
class InMemory:
    """What a Python caller gives as objects and not by name.

    Attributes:
        task: What is learned; looked up by the spec's name when None.
        space: What is searched; looked up when None.
    """

    task: Task | None = None
    space: SearchSpace | None = None


def resolve_sweep(spec: SweepSpec, given: InMemory = InMemory()) -> ResolvedSweep:
    """Look up task and space and fill in defaults. Nothing is written or started.

    Args:
        spec: What the user asked for.
        given: Task and space as objects.

    Raises:
        UserError: something does not exist or fit: task, space, store, folder, data, CPUs and GPUs.
    """
    spec = _with_local_model(spec)
    task = get_task(spec.task, **spec.task_options) if given.task is None else given.task
    _check_own_task(spec.task, task)
    own_space = task.space(spec.space) if given.space is None else given.space
    space = change_space(own_space, spec.widen, spec.drop)
    _check_fits_task(spec, task)
    uri = check_uri(default_tracking_uri() if spec.tracking_uri is None else spec.tracking_uri)
    filled = settle_sampler(_filled(spec, task, space, uri), spec.trials, task, space)
    home = home_of(uri)
    warm_start = earlier_trials(home, spec.warm_start, space, task.facts.objectives)
    check_usable(uri)
    check_cluster(resources_of(filled))
    if spec.compile and spec.address is None and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"--compile: torch.compile needs a C++ compiler ({', '.join(COMPILERS)}); none is installed.")
    task.check_data()
    return ResolvedSweep(filled, task, space, own_space, home, sweep_folder(home, filled.name), warm_start)


def _with_local_model(spec: SweepSpec) -> SweepSpec:
    """Return the spec with the folder of a model that it names as a store does: tasks know folders and hub names."""
    model = spec.task_options.get(MODEL)
    if not isinstance(model, str):
        return spec
    return spec.model_copy(update={"task_options": {**spec.task_options, MODEL: local_model(model, spec.tracking_uri)}})


def _check_own_task(name: str, task: Task) -> None:
    """Raise ``UserError`` where the task of a user breaks what a task is, as far as it shows without its data."""
    if not is_shipped(task) and kind_of(task.facts.kind).has_data:
        from trainables.base.contract.conformance import plain_fault

        fault = plain_fault(task, shipped_tasks())
        if fault is not None:
            raise UserError(f"Task '{name}': {fault} `tunelab check-task` tells all that it gets wrong.")


def _check_fits_task(spec: SweepSpec, task: Task) -> None:
    """Raise ``UserError`` for options that this task cannot have."""
    if spec.ensemble and "ensemble" in spec.model_fields_set and not _can_average(task):
        raise UserError(f"--ensemble {spec.ensemble}: language models cannot be averaged; leave it out.")
    max_epochs = spec.max_epochs or task.facts.max_epochs
    if spec.scheduler == "asha" and (spec.grace_period or 1) > max_epochs:
        raise UserError(f"--grace-period {spec.grace_period} is above --max-epochs {max_epochs}, the task's default.")


def _can_average(task: Task) -> bool:
    return isinstance(kind_of(task.facts.kind), RowKind)


def _filled(spec: SweepSpec, task: Task, space: SearchSpace, uri: str) -> ResolvedSpec:
    """Return the spec with its defaults, its name and its checked values."""
    return fill_defaults(
        spec,
        task,
        name=spec.name or f"{task.facts.name}-{time.strftime('%Y%m%d-%H%M%S')}-{token_hex(2)}",
        tracking_uri=uri,
        ensemble=spec.ensemble if _can_average(task) else 0,
        fixed=check_fixed(space, spec.fixed),
        storage=None if spec.storage is None else _checked_storage(spec.storage),
    )


def resources_of(spec: SweepSpec) -> Resources:
    """Return what one trial of a sweep takes."""
    return Resources(spec.cpus_per_trial, spec.gpus_per_trial or 0.0, spec.address, spec.hang_timeout)


def with_gpus(spec: ResolvedSpec, cluster: dict[str, float], task: Task) -> tuple[ResolvedSpec, Resources]:
    """Return the spec with its fraction of a GPU filled in from the cluster, and what one trial takes."""
    gpus = settle_gpus(spec.gpus_per_trial, cluster, task.facts.kind)
    settled = spec.model_copy(update={"gpus_per_trial": gpus})
    return settled, resources_of(settled)


def earlier_trials(
    home: Path, name: str | None, space: SearchSpace, objectives: Sequence[Objective] = ()
) -> tuple[FrozenTrial, ...]:
    """Return the trials of a sweep by name that a study of ``space`` can learn from; ``UserError`` without any."""
    if name is None:
        return ()
    records = replay(read_events(sweep_folder(home, name))).trials
    trials = fitting_trials(records, space, objectives)
    if not trials:
        why = "there is no such sweep" if not records else "none of its trials has a result in this search space"
        raise UserError(f"--warm-start '{name}': {why} in '{home}'.")
    return tuple(trials)


def _checked_storage(uri: str) -> str:
    """Return the URI, or a folder's absolute path: workers have working directories of their own."""
    try:
        Storage(uri)
    except UserError as error:
        raise UserError(without_secrets(str(error))) from None
    if "://" in uri:
        return uri
    folder = Path(uri).absolute()
    check_writable(folder, "--storage")
    return str(folder)
