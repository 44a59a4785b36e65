"""What commands to a running search add up to: each takes effect before a trial that the journal names.

All but ``until`` depend on numbers of trials and epochs alone, so that a resumed search is steered as it was, and a
deterministic one gives the same trials again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from search_spaces import ParamValue
from tunelab.search.events import Steered

if TYPE_CHECKING:
    from tunelab.search.inbox import Command
    from tunelab.search.state import SearchState

PAUSE, CONTINUE, STOP, ADD = "pause", "continue", "stop", "add"
CONCURRENCY, UNTIL, FINISH = "concurrency", "until", "finish"
COMMANDS = (PAUSE, CONTINUE, STOP, ADD, CONCURRENCY, UNTIL, FINISH)


class Steering:
    """The commands that a search has taken.

    Args:
        commands: Those that its journal holds.
        seen: Ids of all that were ever taken.
    """

    def __init__(self, commands: Iterable[Steered] = (), seen: Iterable[str] = ()) -> None:
        self._commands: list[Steered] = []
        self._seen = set(seen)
        self.deadline = math.inf  # unix time
        now = time.time()
        for command in commands:
            if command.command != UNTIL or command.values["time"] > now:  # a resumed search is not over at once
                self.take(command)

    def knows(self, id: str) -> bool:
        """Return whether a command was taken before."""
        return id in self._seen

    def take(self, command: Steered) -> None:
        """Let a command count."""
        self._seen.add(command.id)
        self._commands.append(command)
        if command.command == UNTIL:
            self.deadline = float(command.values["time"])

    def is_paused(self, number: int) -> bool:
        """Return whether trial ``number`` waits."""
        found = [c.command for c in self._commands if c.command in (PAUSE, CONTINUE) and c.before <= number]
        return found[-1:] == [PAUSE]

    def slots(self, number: int) -> int | None:
        """Return how many trials may run at once when trial ``number`` is next; None where no command says."""
        found = [c.values["slots"] for c in self._commands if c.command == CONCURRENCY and c.before <= number]
        return int(found[-1]) if found else None

    @property
    def added(self) -> dict[int, Mapping[str, ParamValue]]:
        """The parameters that were given for trials, by number."""
        return {c.before: c.values["params"] for c in self._commands if c.command == ADD}

    def trials(self, asked: int, *, finish: bool = True) -> int:
        """Return the number of trials in all.

        Args:
            asked: Number of trials of the spec, to which added ones come.
            finish: False to pass over a command to finish.
        """
        ends = [c.before for c in self._commands if c.command == FINISH and finish]
        return min([asked + sum(c.command == ADD for c in self._commands), *ends])

    def last_epoch(self, trial: int) -> int | None:
        """Return the epoch after which a trial ends by command; None for one without."""
        found = [c.values["epoch"] for c in self._commands if c.command == STOP and c.values["trial"] == trial]
        return next((int(epoch) for epoch in found if epoch), None)

    def settle(self, command: Command, state: SearchState) -> Steered:
        """Return a new command as the journal notes it: where it takes effect, and with which values.

        Args:
            command: As it was given.
            state: Of the search.
        """
        before = max(command.before or 0, len(state.records))
        values = dict(command.values)
        if command.command == ADD:  # references come first, and two trials cannot have one number
            before = max([before, state.study.references, *(number + 1 for number in self.added)])
        if command.command == STOP:
            values["epoch"] = _stop_epoch(int(values["trial"]), int(values.get("epoch") or 1), state)
        return Steered(command.id, command.command, before, values, time.time())


def _stop_epoch(trial: int, wanted: int, state: SearchState) -> int:
    """Return the epoch after which a trial ends: none that it has passed; 0 for a trial that has ended."""
    if trial >= len(state.records):
        return wanted
    record = state.records[trial]
    return max(wanted, record.last_epoch) if state.is_under_way(trial) else 0
