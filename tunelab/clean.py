"""What can be removed of earlier sweeps: weights and checkpoints that nothing needs, folders of ended Ray sessions.

Also language models that were unpacked from GGUF files, which the next trial does again. Never a journal, a run or a
model of the store, and nothing of a sweep or a Ray session that runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from search_spaces import UserError
from trainables.base.text.language_models.unpacked import kept_models
from trainables.base.worker.assignment import weights_path
from trainables.base.worker.storage import Storage
from tunelab.launch.own_ray import sessions_folder
from tunelab.records.trial import TrialStatus, ranked
from tunelab.search.journal import is_running, read_events
from tunelab.search.replay import Replay, replay
from tunelab.setup.folders import CONFIRMATION, ERROR_FILE, sweep_folder
from tunelab.setup.resume import sweep_names
from tunelab.system.machine import command_lines
from tunelab.system.redaction import HIDDEN, without_secrets
from tunelab.system.scratch import PROCESS_MARK, SCRATCH_PREFIX, SHORT_PARENTS
from tunelab.system.trust import Named, check_trusted

KEPT_BY_RESUMABLE = 5  # number of leading trials whose weights stay with a sweep that can be resumed


@dataclass(frozen=True)
class Removable:
    """Something that may go.

    Attributes:
        owner: the sweep, or what else it belongs to.
        what: e.g. ``"weights of losers"``.
        where: folder or file.
        size: bytes; 0 where an object store does not say.
        remove: does it.
    """

    owner: str
    what: str
    where: str
    size: int
    remove: Callable[[], None]


def find_removable(home: Path, notify: Callable[[str], None] = lambda text: None) -> list[Removable]:
    """Return everything that can be removed.

    Args:
        home: the folder of the tracking store, where sweeps' folders lie.
        notify: told which sweeps cannot be looked at, and why.
    """
    found = []
    for name in sweep_names(home):
        try:
            found += _of_sweep(sweep_folder(home, name))
        except (UserError, OSError) as error:  # a damaged journal, a storage that is away
            notify(f"{name} is left alone: {without_secrets(str(error))}")
    return [*found, *_ray_sessions(), *_scratch_folders(), *_unpacked_models()]


def _of_sweep(folder: Path) -> list[Removable]:
    if is_running(folder):
        return []
    state = replay(read_events(folder))
    uri = _storage_uri(state, folder)
    if uri is None:
        return []
    if uri != str(folder):
        check_trusted([Named("storage", uri.removesuffix(f"/{folder.name}"), is_place=True)], (), "Its journal")
    storage = Storage(uri)
    finished = state.is_finished
    paths = [*(_finished_paths(storage) if finished else _superfluous_paths(state, storage))]
    if storage.names(CONFIRMATION):
        paths.append(("weights of a confirmation", CONFIRMATION))
    items = [_item(folder.name, what, storage, path) for what, path in paths]
    trace = folder / ERROR_FILE
    if finished and trace.is_file():
        items.append(Removable(folder.name, "traceback", str(trace), _size(trace), lambda: _delete(trace)))
    return items


def _storage_uri(state: Replay, folder: Path) -> str | None:
    """Return where a sweep's weights lie; None when only its user knows, because the URI holds a password."""
    uri = state.sessions[-1].spec["storage"] if state.sessions else None
    if uri is None:
        return str(folder)
    return None if HIDDEN in uri else f"{uri.rstrip('/')}/{folder.name}"


def _finished_paths(storage: Storage) -> Iterator[tuple[str, str]]:
    """Yield what a finished sweep does not need: the winner is in the store, so its journal is enough."""
    for folder in ("weights", "checkpoints"):
        if storage.names(folder):
            yield f"{folder} of a finished sweep", folder


def _superfluous_paths(state: Replay, storage: Storage) -> Iterator[tuple[str, str]]:
    """Find what a continuing sweep can lose: losers' weights, ended trials' checkpoints, others' older ones."""
    leading = {weights_path(t.number) for t in ranked(state.trials)[:KEPT_BY_RESUMABLE]}
    running = {t.number for t in state.trials if t.status == TrialStatus.RUNNING}
    kept = leading | {weights_path(number) for number in running}
    for name in storage.names("weights"):
        if f"weights/{name}" not in kept:
            yield "weights of losers", f"weights/{name}"
    needed = {path for number, (_, path) in state.checkpoints.items() if number in running}
    for trial in storage.names("checkpoints"):
        for epoch in storage.names(f"checkpoints/{trial}"):
            path = f"checkpoints/{trial}/{epoch}"
            if path not in needed:
                yield "old checkpoint", path


def _item(owner: str, what: str, storage: Storage, path: str) -> Removable:
    return Removable(owner, what, f"{storage.uri}/{path}", storage.size(path), lambda: storage.delete(path))


def _ray_sessions() -> Iterator[Removable]:
    """Return folders of Ray sessions that sweeps started and whose processes are gone."""
    used = "\n".join(" ".join(words) for words in command_lines())
    for mark in sorted(sessions_folder().glob(f"session_*/{PROCESS_MARK}")):
        session = mark.parent
        if session.name not in used and not session.is_symlink() and not _alive(mark):
            yield Removable("Ray", "ended session", str(session), _size(session), lambda s=session: _delete(s))  # type: ignore[misc]


def _scratch_folders() -> Iterator[Removable]:
    """Yield scratch folders of killed sweeps."""
    parents = {Path(parent) for parent in (tempfile.gettempdir(), *SHORT_PARENTS)}
    for mark in sorted(mark for parent in parents for mark in parent.glob(f"{SCRATCH_PREFIX}*/{PROCESS_MARK}")):
        folder = mark.parent
        if not folder.is_symlink() and not _alive(mark):
            yield Removable("Ray", "scratch of a killed sweep", str(folder), _size(folder), lambda f=folder: _delete(f))  # type: ignore[misc]


def _unpacked_models() -> Iterator[Removable]:
    """Yield what is kept of GGUF files; who reads it has it open, and unpacks it again the next time."""
    for place in kept_models():
        yield Removable("GGUF files", "unpacked model", str(place), _size(place), lambda p=place: _delete(p))  # type: ignore[misc]


def _alive(mark: Path) -> bool:
    """Return whether the process that a folder's mark names runs; where that cannot be known, it does."""
    try:
        os.kill(int(mark.read_text(encoding="utf-8")), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True
    return True


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
