"""One trial from plan to last report: weights and checkpoints across restarts, full disks, unfit metric names."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from search_spaces import UserError
from tests.toys import Toy
from trainables import EpochReport, TrainingData
from trainables.base.worker import trial as running
from trainables.base.worker.assignment import HAS_WEIGHTS, TrialAssignment, TrialReport, loss_of_weights, weights_path
from trainables.base.worker.storage import Storage
from trainables.base.worker.trial import run_trial
from tunelab.evaluation.weights import LeadingWeights
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

LOSSES = (3.0, 1.0, 2.5, 2.0)  # the best epoch comes before the checkpoint from which a restart continues


class Weighted(Toy):
    """A toy whose weights say their epoch; ``trouble`` is raised in epoch 3."""

    def __init__(self, trouble: Exception | None = None, metrics: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.trouble, self.metrics = trouble, metrics or {}

    def fit(
        self,
        config: Mapping[str, Any],
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        first = 1 if checkpoint is None else int((checkpoint / "epoch").read_text()) + 1
        for epoch in range(first, max_epochs + 1):
            if epoch == 3 and self.trouble is not None:
                raise self.trouble
            weights = {"epoch": torch.tensor([float(epoch)])}

            def save(folder: Path, epoch: int = epoch) -> None:
                (folder / "epoch").write_text(str(epoch))

            yield EpochReport(epoch, LOSSES[epoch - 1], self.metrics, weights=weights, save=save)


@pytest.fixture(autouse=True)
def _checkpoint_each_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.0)


def plan(folder: Path, **changes: Any) -> TrialAssignment:
    return replace(TrialAssignment(0, {"x": 0.5}, seed=1, max_epochs=4, storage=str(folder)), **changes)


def play(task: Toy, plan: TrialAssignment, reports: int | None = None) -> list[TrialReport]:
    found = []
    for report in run_trial(task, task.load().training, plan):
        found.append(report)
        if len(found) == reports:
            break
    return found


def test_a_restored_trial_keeps_the_best_weights_from_before_its_checkpoint(tmp_path: Path) -> None:
    first = play(Weighted(), plan(tmp_path), reports=2)  # then its worker dies
    assert first[-1].checkpoint == (2, "checkpoints/trial-00000/epoch-00002")
    rest = play(Weighted(), plan(tmp_path, checkpoint=first[-1].checkpoint[1], best=1.0))
    assert [row[0] for report in rest for row in report.rows] == [3, 4]
    content = (tmp_path / weights_path(0)).read_bytes()
    assert load(content)["epoch"].item() == 2
    assert loss_of_weights(content) == 1.0


def test_a_trial_whose_checkpoint_is_gone_starts_again(tmp_path: Path) -> None:
    reports = play(Weighted(), plan(tmp_path, checkpoint="checkpoints/trial-00000/epoch-00003", best=0.5))
    assert [row[0] for report in reports for row in report.rows] == [1, 2, 3, 4]
    assert load((tmp_path / weights_path(0)).read_bytes())["epoch"].item() == 2


def test_two_checkpoints_are_kept_while_a_trial_runs(tmp_path: Path) -> None:
    play(Weighted(), plan(tmp_path), reports=3)
    names = sorted(path.name for path in (tmp_path / "checkpoints" / "trial-00000").iterdir())
    assert names == ["epoch-00002", "epoch-00003"]


def test_weights_of_another_epoch_are_not_taken_for_the_best(tmp_path: Path) -> None:
    play(Weighted(), plan(tmp_path))
    epochs = tuple(Epoch(i + 1, loss, {}, 0.1 * i) for i, loss in enumerate(LOSSES[:1]))  # stopped at epoch 1
    record = TrialRecord(0, {}, {"x": 0.5}, 1, 4, TrialStatus.STOPPED, epochs)
    task = Weighted()
    weights = LeadingWeights(str(tmp_path), keep=1).load(record, task, task.load().training)
    assert weights["epoch"].item() == 1


@pytest.mark.parametrize(
    ("trouble", "no_space"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (RuntimeError("SafetensorError: I/O error: No space left on device (os error 28)"), True),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/0: file write failed"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError("28"), False),
    ],
)
def test_a_full_disk_is_told_from_other_failures(trouble: Exception, no_space: bool, tmp_path: Path) -> None:
    last = play(Weighted(trouble), plan(tmp_path))[-1]
    assert (last.outcome, last.no_space) == ("failed", no_space)
    assert str(trouble) in last.error


def test_a_metric_name_that_no_store_takes_fails_the_trial(tmp_path: Path) -> None:
    (last,) = play(Weighted(metrics={"f1 (macro) %": 0.5}), plan(tmp_path))
    assert last.outcome == "failed"
    assert last.error.startswith("ValueError: metric name 'f1 (macro) %' must be letters")


def test_a_sentence_for_the_user_comes_without_the_name_of_its_class(tmp_path: Path) -> None:
    assert play(Weighted(UserError("Report a number.")), plan(tmp_path))[-1].error.startswith("Report a number.\n")


def test_what_a_configuration_lacks_is_told_beside_what_it_has(tmp_path: Path) -> None:
    last = play(Weighted(KeyError("dropout")), plan(tmp_path))[-1]
    assert last.error.startswith("KeyError: 'dropout' (the configuration has x)\n")


def test_a_trial_without_an_epoch_has_failed(tmp_path: Path) -> None:
    (last,) = play(Weighted(), plan(tmp_path, max_epochs=0))
    assert last.outcome == "failed"
    assert last.error.startswith("ValueError: the task ended without reporting an epoch")


def test_whether_a_trial_has_weights_is_said(tmp_path: Path) -> None:
    assert play(Weighted(), plan(tmp_path))[-1].worker[HAS_WEIGHTS] is True
    (last,) = play(Toy(), plan(tmp_path), reports=1)
    assert last.worker[HAS_WEIGHTS] is False


def test_a_plan_without_earlier_epochs_has_no_best() -> None:
    assert plan(Path("unused")).best == math.inf


def test_weights_are_kept_shortly_before_the_time_is_over_and_not_after(tmp_path: Path) -> None:
    soon = plan(tmp_path, seconds_left=1e9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "LAST_EPOCHS", 1e15)  # each epoch may be the last
        reports = run_trial(Weighted(), Weighted().load().training, soon)
        assert next(reports).rows[-1][1] == LOSSES[0]
        assert loss_of_weights(Storage(str(tmp_path)).read(weights_path(0))) == LOSSES[0]
    late = run_trial(Weighted(), Weighted().load().training, plan(tmp_path, number=1, seconds_left=-1.0))
    assert [next(late).rows for _ in range(3)] == [[], [], []]  # until the launcher ends it
    with pytest.raises(FileNotFoundError):
        Storage(str(tmp_path)).read(weights_path(1))
