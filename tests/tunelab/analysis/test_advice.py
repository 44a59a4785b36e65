"""Advice after a sweep: each sentence where its reason holds, and none where it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from optuna.distributions import FloatDistribution, IntDistribution, distribution_to_json

from search_spaces import ParamValue
from tests.results import made_up_result
from trainables.wine import Wine
from tunelab.analysis.advice import advice
from tunelab.cli.output.outcome import print_result
from tunelab.documents.markdown import to_markdown
from tunelab.records.assessment.audit import Audit
from tunelab.records.assessment.confirmation import Confirmation, ConfirmationRow
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.report import make_document
from tunelab.search.stopping import expected_gain

SPACE = {
    "lr": json.loads(distribution_to_json(FloatDistribution(1e-4, 1e-1, log=True))),
    "dropout": json.loads(distribution_to_json(FloatDistribution(0.0, 0.5))),
    "depth": json.loads(distribution_to_json(IntDistribution(1, 8))),
}


def trial(number: int, loss: float, lr: float, *, stopped: bool = False, **params: float) -> TrialRecord:
    status = TrialStatus.STOPPED if stopped else TrialStatus.FINISHED
    found = {"lr": lr, "dropout": 0.2, "depth": 4, **params}
    return TrialRecord(number, found, found, 0, 5, status, (Epoch(1, loss, {}, 1.0),))


def swept(trials: Sequence[TrialRecord]) -> SweepResult:
    result = made_up_result(trials, Wine.facts, name="wine-1")
    best = Best.from_trial(result.ranked()[0])
    return replace(result, space=SPACE, best=best)


def told(result: SweepResult, importance: dict[str, float] | None = None) -> str:
    return "\n".join(advice(result, importance or {}))


def test_a_winner_at_an_edge_gets_the_command_that_widens_its_range() -> None:
    few = [trial(n, 0.1 + 0.01 * n, 0.09, stopped=n == 4) for n in range(6)]
    text = told(swept(few))
    assert "The best lr, 0.09, lies at the edge" in text
    assert "tunelab resume wine-1 --trials 12 --widen lr=0.0001:1" in text
    low = told(swept([trial(n, 0.1 + 0.01 * n, 1.1e-4) for n in range(6)]))
    assert "--widen lr=1e-5:0.1" in low


def test_an_end_by_nature_and_a_lucky_one_are_not_edges() -> None:
    assert "edge" not in told(swept([trial(n, 0.1 + 0.01 * n, 0.01, dropout=0.0, depth=1) for n in range(6)]))
    assert "edge" not in told(swept([trial(n, 0.1 + 0.01 * n, 0.09 if n == 0 else 0.003) for n in range(6)]))


def test_what_hardly_mattered_can_be_held() -> None:
    trials = [trial(n, 0.1 + 0.01 * n, 0.01) for n in range(20)]
    text = told(swept(trials), {"lr": 0.99, "dropout": 0.005, "depth": 0.005})
    assert "dropout and depth hardly mattered" in text
    assert "can hold them: --set dropout=0.2 --set depth=4" in text
    held = replace(swept(trials), spec=swept(trials).spec.model_copy(update={"fixed": {"depth": 4}}))
    assert "dropout hardly mattered" in told(held, {"lr": 0.99, "dropout": 0.005, "depth": 0.005})
    assert "hardly" not in told(swept(trials[:19]), {"lr": 0.99, "dropout": 0.01})
    assert "hardly" not in told(swept(trials), {"lr": 0.6, "dropout": 0.4})


def test_a_branch_and_parameters_of_few_trials_get_no_advice() -> None:
    a: dict[str, ParamValue] = {"family": "a", "wide": 3}
    b: dict[str, ParamValue] = {"family": "b", "deep": 4}
    trials = [replace(trial(n, 0.1 + 0.01 * n, 0.01), params=a if n % 4 else b) for n in range(1, 41)]
    text = told(swept(trials), {"wide": 0.01, "family": 0.001, "deep": 0.001})
    assert "wide hardly mattered" in text
    assert "--set wide=3" in text
    assert "family" not in text
    assert "deep" not in text


def test_a_scheduler_that_never_acted_is_named() -> None:
    trials = [trial(n, 0.1 + 0.01 * n, 0.01) for n in range(12)]
    assert "The scheduler stopped no trial: all trials passed all rungs" in told(swept(trials))
    assert "scheduler" not in told(swept([*trials, trial(12, 1.0, 0.01, stopped=True)]))
    none = swept(trials)
    spec = none.spec.model_copy(update={"scheduler": "none"})
    assert "scheduler" not in told(replace(none, spec=spec))


def test_a_grace_period_that_the_audit_shows_too_short() -> None:
    found = swept([trial(n, 0.1 + 0.01 * n, 0.01, stopped=n > 3) for n in range(6)])
    audit = Audit((), 1, 8, 0.2, 0.1, 0.0, 0, 0.0, flagged=True, verdict="")
    text = told(replace(found, audit=audit))
    assert "The grace period of 1 epochs is too short" in text
    assert "--grace-period 3" in text
    assert "too short" not in told(replace(found, audit=replace(audit, rank_correlation=0.9)))


def test_further_trials_are_held_against_what_a_seed_changes() -> None:
    found = swept([trial(n, 0.1 + 0.01 * n, 0.01, stopped=n > 3) for n in range(20)])
    gain = expected_gain(found.trials)
    assert gain is not None
    assert gain.mean == pytest.approx(0.01, rel=0.01)  # 0.01 / 4 + 0.02 / 8 + ...
    assert "was not measured (--confirm-top 3)" in told(found)
    for spread, sentence in ((0.02, "More trials are not worth it"), (0.001, "--trials 40")):
        row = ConfirmationRow(0, "trial 0", (0.1 - spread, 0.1, 0.1 + spread), 0, 0.1, 0.01)
        confirmation = Confirmation((row,), 0, None, None, None, "", (1, 2, 3))
        assert sentence in told(replace(found, confirmation=confirmation))
    assert expected_gain(found.trials[:9]) is None


def test_report_and_terminal_show_the_advice(capsys: pytest.CaptureFixture[str]) -> None:
    found = swept([trial(n, 0.1 + 0.01 * n, 0.09, stopped=n == 4) for n in range(6)])
    command = "tunelab resume wine-1 --trials 12 --widen lr=0.0001:1"
    page = to_markdown(make_document(found))
    assert command in page.partition("Advice for the next sweep")[2]
    print_result(found)
    assert command in capsys.readouterr().out.partition("Advice\n")[2]
