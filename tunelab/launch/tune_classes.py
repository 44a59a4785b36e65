"""The searcher, scheduler and stopper through which Ray Tune asks a ``TuneAdapter``. Loads Ray Tune."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import ray
from ray.tune import Stopper
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from trainables import METRIC
from trainables.base.worker.trial_actor import HANDLE, REPORT
from tunelab.launch.adapter import TuneAdapter


class _Unsaved:
    """Leaves an empty object in Tune's own snapshot, which nothing reads: the journal holds the search."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class ActorSearcher(_Unsaved, Searcher):  # type: ignore[misc, unused-ignore]
    """Opens the actors, and another one when one was lost."""

    def __init__(self, adapter: TuneAdapter) -> None:
        super().__init__(metric=METRIC, mode="min")
        self._adapter = adapter

    def suggest(self, trial_id: str) -> Any:
        return self._adapter.open_actor(trial_id)

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        self._adapter.forget_actor(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the journal holds the search."""

    def restore(self, checkpoint_path: str) -> None:
        """Raise: sweeps resume from their journal."""
        raise NotImplementedError("sweeps resume from their journal")


class ActorScheduler(_Unsaved, TrialScheduler):  # type: ignore[misc, unused-ignore]
    """Starts actors in order, and passes their reports on."""

    def __init__(self, adapter: TuneAdapter) -> None:
        self._adapter = adapter
        self._pending: deque[Any] = deque()
        self._handles: dict[str, Any] = {}  # of the actors that have started, by Tune's id

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._pending.append(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._adapter.on_error(trial.trial_id, _error_text(trial))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        handle = self._handles.setdefault(trial.trial_id, result.pop(HANDLE, None))
        should_continue = self._adapter.on_result(trial.trial_id, result.pop(REPORT), handle.assign.remote)
        return str(TrialScheduler.CONTINUE if should_continue else TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Do nothing: an actor has ended."""

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        if trial in self._pending:
            self._pending.remove(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        live = {trial.trial_id for trial in tune_controller.get_live_trials()}
        self._handles = {actor: handle for actor, handle in self._handles.items() if actor in live}
        self._adapter.kill_hung(self._handles, ray.kill)
        while self._pending and self._pending[0].status not in ("PENDING", "PAUSED"):
            self._pending.popleft()
        return self._pending[0] if self._pending else None

    def debug_string(self) -> str:
        return "tunelab"


class SourceStopper(_Unsaved, Stopper):  # type: ignore[misc, unused-ignore]
    """Ends all actors when the adapter says so."""

    def __init__(self, adapter: TuneAdapter) -> None:
        self._adapter = adapter

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._adapter.is_over


def _error_text(trial: Any) -> str:
    """Return what Tune knows of a worker's death; it writes that to a local file first, under a line with the time."""
    path = Path(trial.error_file or "")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if path.is_file() else []
    return "\n".join(lines).strip() or "its process ended without a message"
