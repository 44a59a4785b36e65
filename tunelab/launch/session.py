"""Ray for the time of a sweep: started here, silent and small, or an existing cluster's."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import search_spaces
import trainables
from tunelab.launch.cluster_address import check_address, check_answers, given_address
from tunelab.launch.kept_ray import in_use, keep_running, shutdown_kept
from tunelab.launch.own_ray import own_sessions
from tunelab.launch.ray_import import import_ray
from tunelab.launch.ray_internals.forks import ForkServer, fork_server, ray_runs, starts_ray
from tunelab.launch.ray_internals.patches import patched_ray, raylet_silenced
from tunelab.launch.ray_internals.watch import address_of, guarded
from tunelab.launch.ray_start import prepared, start_failed
from tunelab.system.scratch import mark_process
from tunelab.system.signals import hangup_ignored, put_off, unanswered

# What workers of a cluster run: this very code, whatever is installed there. Their torch and the rest is their own.
OUR_PACKAGES = [str(Path(package.__path__[0])) for package in (search_spaces, trainables)]


@contextmanager
def ray_running(
    address: str | None = None,
    workers: int | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    keep: bool = False,
) -> Iterator[dict[str, float]]:
    """Run Ray inside the block, silent and without dashboard.

    A Ray that already runs in this process is used and left running; one started here is shut down and its session
    folder removed.

    Args:
        address: An existing cluster; this machine when None.
        workers: Processes that a local Ray without a fork server starts at once; one a CPU when None.
        meanwhile: Called before Ray starts, to begin what can run beside that.
        keep: Leave a Ray that is started here running for the next sweep of this process, see ``kept_ray``.

    Yields:
        The cluster's resources.

    Raises:
        UserError: No cluster answers at ``address``.
    """
    with in_use():
        if ray_runs():
            meanwhile()
            with raylet_silenced():
                yield import_ray().cluster_resources()
            return
        shutdown_kept()  # what is left of one that died
        with ExitStack() as block:
            _enter(block, address, workers, meanwhile)
            if keep:
                keep_running(block.pop_all(), given_address(address))
            else:
                _entered.append(block)
                block.callback(_entered.remove, block)
            with raylet_silenced():
                yield import_ray().cluster_resources()


def _enter(block: ExitStack, address: str | None, workers: int | None, meanwhile: Callable[[], object]) -> None:
    """Start Ray or connect to a cluster; what ends it is added to the block."""
    local = starts_ray(address)
    found = given_address(address)
    if found is not None:
        address = check_address(found)
        check_answers(address)
    forks = block.enter_context(fork_server(address))
    if local:
        block.enter_context(prepared())
    ray = import_ray()  # alone: the sooner Ray's processes start, the sooner workers load beside what follows
    meanwhile()
    before = own_sessions()
    _start(address, workers or os.cpu_count() or 1, forks if local else None)
    sessions = [session for session in own_sessions() if session not in before] if local else []
    block.callback(_shut_down, sessions, address_of(ray))
    block.enter_context(guarded(ray))
    for session in sessions:
        mark_process(session)


_entered: list[ExitStack] = []  # of the Ray that this process has started or connected to: what its end takes


def leave_ray() -> None:
    """End or leave the Ray of ``ray_running`` before its block ends: what follows needs none and outlives its death.

    A Ray that ran in this process before, or that stays for the next sweep, is left as it is.
    """
    if _entered:
        _entered[-1].close()


def _start(address: str | None, workers: int, forks: ForkServer | None) -> None:
    """Connect to a cluster, or start a local Ray with a fork server; shut down again when interrupted meanwhile.

    A connection holds the interpreter, so that no handler runs: signals have the system's own effect until it is there.

    Args:
        address: Of the cluster.
        workers: See ``ray_running``.
        forks: For a local Ray.
    """
    ray, local = import_ray(), forks is not None
    from tunelab.launch.ray_internals.import_path import SameImportPath  # loads Ray

    try:
        with put_off() if local else unanswered(), hangup_ignored(), patched_ray(workers, forks):
            ray.init(
                address=address or ("local" if local else None),
                include_dashboard=False if local else None,
                runtime_env=None if local else {"py_modules": OUR_PACKAGES},
                job_config=SameImportPath(),
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                configure_logging=True,
            )
    except Exception as error:  # Ray raises anything, down to ``Exception`` itself
        with suppress(Exception):  # of a Ray that did not come up; what was raised first matters more
            _shut_down(own_sessions() if local else ())
        raise start_failed(error, address or "this machine") from error
    except KeyboardInterrupt:  # it came while Ray started, and waited for that
        _shut_down(own_sessions() if local else ())
        raise


def _shut_down(sessions: Iterable[Path], address: str = "") -> None:
    """End Ray and remove its session folders.

    Args:
        sessions: The folders.
        address: Of the Ray that is meant: another one, which the user started since, is left alone.
    """
    ray = import_ray()
    if not address or address_of(ray) in ("", address):
        ray.shutdown()
    for session in sessions:
        shutil.rmtree(session, ignore_errors=True)
