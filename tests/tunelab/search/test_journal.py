"""The journal's lines: events come back as they were written, and a format says who may read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search_spaces import UserError
from tunelab.records.trial import TrialStatus
from tunelab.search.events import (
    FORMAT,
    Checkpointed,
    Ended,
    Event,
    Finished,
    Format,
    ParentRun,
    Proposed,
    Reported,
    Restarted,
    Started,
    TestOpened,
    Tracked,
)
from tunelab.search.journal import FILE, Journal, read_events
from tunelab.search.replay import replay

EVENTS: list[Event] = [
    Started({"name": "a", "trials": 1}, "d1", "", {"x": {}}, key="k", time=10.0, folder="/here", concurrency=2),
    ParentRun("run-0"),
    Proposed(0, {"x": 0.5}, {"x": 0.5, "sizes": [8]}, 7, 3, 11.0),
    Reported(0, [[1, 0.5, {"train_loss": 0.25}, 1.0], [2, 0.25, {}, 2.0]]),
    Checkpointed(0, 1, "checkpoints/trial-00000/epoch-00001"),
    Restarted(0, 1, "The worker died"),
    Reported(0, [[2, 0.25, {}, 2.0]]),
    Ended(0, "finished", 2, 14.0, "", {"host": "here", "pid": 1}),
    Tracked(0, "run-1"),
    TestOpened(15.0),
    Finished("", 16.0),
]


def written(folder: Path) -> Path:
    journal = Journal(folder)
    for event in EVENTS:
        journal.append(event)
    journal.close()
    return folder / FILE


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert list(read_events(tmp_path)) == [Format(FORMAT), *EVENTS]
    assert json.loads(path.read_text().splitlines()[0]) == {"event": "format", "version": FORMAT}
    Journal(tmp_path).close()  # opened again, it has one first line still
    assert list(read_events(tmp_path)) == [Format(FORMAT), *EVENTS]


def test_a_journal_says_how_its_sweep_went(tmp_path: Path) -> None:
    written(tmp_path)
    found = replay(read_events(tmp_path))
    (trial,) = found.trials
    assert (trial.status, trial.run_id, [e.epoch for e in trial.epochs]) == (TrialStatus.FINISHED, "run-1", [1, 2])
    assert (found.parent_run_id, found.test_openings, found.is_finished) == ("run-0", (15.0,), True)
    assert (found.wall_seconds, found.fit_seconds) == (6.0, 3.0)
    journal = Journal(tmp_path)
    journal.append(Started({"name": "a", "trials": 2}, time=20.0))
    journal.close()
    again = replay(read_events(tmp_path))
    assert len(again.sessions) == 2
    assert not again.is_finished, "it was extended, and cut short"


def test_a_journal_from_before_formats_is_read_and_continued(tmp_path: Path) -> None:
    path = written(tmp_path)
    old = "".join(path.read_text().splitlines(keepends=True)[1:])
    path.write_text(old)
    assert list(read_events(tmp_path)) == EVENTS
    journal = Journal(tmp_path)
    journal.append(Finished("", 17.0))
    journal.close()
    assert path.read_text().startswith(old)
    assert replay(read_events(tmp_path)).is_finished


def test_a_journal_of_a_newer_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(f'{{"event": "format", "version": {FORMAT + 1}}}\n{{"event": "unheard of"}}\n')
    with pytest.raises(UserError, match="was written by a newer version of tunelab"):
        replay(read_events(tmp_path))


@pytest.mark.parametrize("line", ['{"event": "unheard of"}', '{"event": "tracked", "trial": 0}', "[]", "no JSON"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError, match=rf"is damaged at line {len(EVENTS) + 2}; this sweep cannot be resumed"):
        list(read_events(tmp_path))
