"""A stored result: read back as it was, checked when it is read, refused in one sentence when it is another format."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from search_spaces import UserError
from tests.results import made_up_result
from tests.toys import Toy
from tunelab.records.assessment.audit import Audit, AuditRow
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.assessment.confirmation import Confirmation, ConfirmationRow
from tunelab.records.assessment.evaluation import ClassificationTables, ClassScores, Evaluation
from tunelab.records.assessment.importance import ColumnImportance, Importance
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.spec import ResolvedSpec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus


def whole_result() -> SweepResult:
    """Return a result in which every field is filled."""
    epochs = (Epoch(1, 0.5, {"train_loss": 0.7}, 1.0), Epoch(2, math.inf, {}, 2.0))
    trial = TrialRecord(3, {"lr": 0.1}, {"lr": 0.1, "sizes": [8, 4]}, 0, 9, TrialStatus.STOPPED, epochs, run_id="r")
    rows = (
        ConfirmationRow(3, "trial 3", (0.5, 0.6), 0, 0.55, 0.6, -0.1, 0.2, 0.01, None, None, False),
        ConfirmationRow(None, "reference", (0.7,), 1, 0.7, math.inf),
    )
    result = made_up_result([trial], Toy.facts)
    return replace(
        result,
        spec=result.spec.model_copy(update={"fixed": {"lr": 0.1}, "task_options": {"bad": "raise"}}),
        best=replace(Best.from_trial(trial), test={"rmse": 1.0}, members=(3, 4)),
        baselines=(Baseline("mean", {"rmse": 2.0}, {"rmse": 2.5}), Baseline("linear", {}, {}, "failed: …")),
        evaluation=Evaluation(
            Importance("rmse", "rmse", 20, 5, (ColumnImportance("x", 0.5, 0.1),)),
            ClassificationTables((ClassScores("a", 1.0, 0.5, 0.6, 7),), 0.1, ((3, 4), (0, 1))),
            ("gradient boosting not run",),
        ),
        confirmation=Confirmation(rows, 3, None, False, 0.9, "No.", (7, 8)),
        audit=Audit((AuditRow(1, 3, 0.6, None, True),), 1, 3, None, 0.5, 0.0, 0, 0.0, False, "None."),
        test_openings=(1.0, 2.0),
        space={"lr": {"name": "FloatDistribution"}},
    )


def stored(change: Any) -> bytes:
    """Return a stored result after a change to its JSON values."""
    values = json.loads(gzip.decompress(whole_result().to_bytes()))
    change(values)
    return gzip.compress(json.dumps(values).encode())


def test_a_result_is_read_back_as_it_was() -> None:
    result = whole_result()
    read = SweepResult.from_bytes(result.to_bytes())
    assert read == result
    assert read.to_bytes() == result.to_bytes()
    assert result.as_stored().to_bytes() == read.to_bytes()
    assert isinstance(read.spec, ResolvedSpec)


def test_a_winner_without_a_confirmation_has_none() -> None:
    summary = made_up_result([], Toy.facts).summary()
    assert (summary["confirmation"], summary["audit"], summary["best"]) == (None, None, None)
    assert not any(summary["evaluation"].values())


@pytest.mark.parametrize("found", [1, 99])
def test_another_format_is_refused_in_one_sentence(found: int) -> None:
    with pytest.raises(UserError, match=rf"has format {found}, and this version of tunelab reads format 2: .*\.$") as e:
        SweepResult.from_bytes(stored(lambda values: values.update(format=found)))
    assert "\n" not in str(e.value)


def test_the_first_format_had_no_number() -> None:
    with pytest.raises(UserError, match="has format 1,"):
        SweepResult.from_bytes(stored(lambda values: values.pop("format")))


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("facts"),
        lambda values: values.pop("best"),
        lambda values: values["confirmation"].update(winner="third"),
        lambda values: values["audit"]["rows"].append(7),
        lambda values: values["spec"].pop("trials"),
        lambda values: values["trials"][0].update(status="lost"),
        lambda values: values.update(evaluation=[]),
    ],
)
def test_what_lacks_a_part_or_has_another_type_is_damaged(change: Any) -> None:
    with pytest.raises(UserError, match=r"^The stored result of this sweep is damaged \([^\n]*\)\.$"):
        SweepResult.from_bytes(stored(change))


def test_what_is_not_a_result_is_damaged() -> None:
    for content in (b"", b"{}", gzip.compress(b"[]"), whole_result().to_bytes()[:100]):
        with pytest.raises(UserError, match="is damaged"):
            SweepResult.from_bytes(content)
