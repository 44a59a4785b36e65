"""A sweep's plan: its spec with everything looked up and filled in, checked before anything starts or is written."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from secrets import token_hex

from search_spaces import SearchSpace, UserError
from search_spaces.changes import change_space
from trainables import Task, get_task
from trainables.base.worker.storage import Storage
from tunelab.launch.resources import Resources, check_cluster
from tunelab.records.spec import ResolvedSpec, SweepSpec
from tunelab.search.defaults import fill_defaults, settle_sampler
from tunelab.search.sampling.fixed_parameters import check_fixed
from tunelab.setup.folders import sweep_folder
from tunelab.setup.named_models import with_local_model
from tunelab.setup.resolved import InMemory, ResolvedSweep
from tunelab.setup.task_check import can_average, check_task
from tunelab.setup.warm_start import earlier_trials
from tunelab.system.redaction import without_secrets
from tunelab.tracking.uri import check_uri, check_usable, check_writable, default_tracking_uri, home_of

COMPILERS = ("g++", "clang++")  # what torch.compile looks for


def resolve_sweep(spec: SweepSpec, given: InMemory = InMemory()) -> ResolvedSweep:
    """Look up task and space and fill in defaults. Nothing is written or started.

    Args:
        spec: What the user asked for.
        given: Task and space as objects.

    Raises:
        UserError: something does not exist or fit: task, space, store, folder, data, CPUs and GPUs.
    """
    spec = with_local_model(spec)
    task = get_task(spec.task, **spec.task_options) if given.task is None else given.task
    check_task(spec, task)
    own_space = task.space(spec.space) if given.space is None else given.space
    space = change_space(own_space, spec.widen, spec.drop)
    uri = check_uri(default_tracking_uri() if spec.tracking_uri is None else spec.tracking_uri)
    filled = settle_sampler(_filled(spec, task, space, uri), spec.trials, task, space)
    home = home_of(uri)
    warm_start = earlier_trials(home, spec.warm_start, space, task.facts.objectives)
    check_usable(uri)
    check_cluster(Resources.from_spec(filled))
    if spec.compile and spec.address is None and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"--compile: torch.compile needs a C++ compiler ({', '.join(COMPILERS)}); none is installed.")
    task.check_data()
    return ResolvedSweep(filled, task, space, own_space, home, sweep_folder(home, filled.name), warm_start)


def _filled(spec: SweepSpec, task: Task, space: SearchSpace, uri: str) -> ResolvedSpec:
    """Return the spec with its defaults, its name and its checked values."""
    return fill_defaults(
        spec,
        task,
        name=spec.name or f"{task.facts.name}-{time.strftime('%Y%m%d-%H%M%S')}-{token_hex(2)}",
        tracking_uri=uri,
        ensemble=spec.ensemble if can_average(task) else 0,
        fixed=check_fixed(space, spec.fixed),
        storage=None if spec.storage is None else _checked_storage(spec.storage),
    )


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
