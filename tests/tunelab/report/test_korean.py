"""A report in Korean: headings, sentences and heads of tables, from the same result as the English one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.korean import HANGUL, english
from tests.results import made_up_result
from tests.tunelab.report.test_report import trial
from trainables import get_task
from tunelab.documents.blocks import Document, Note, Table
from tunelab.documents.markdown import to_markdown
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.best import Best
from tunelab.records.trial import TrialStatus
from tunelab.report.comparison import compare, make_comparison_document
from tunelab.report.report import make_document, to_html
from tunelab.search.limits import Stop

AS_THEY_ARE = {"val_loss", "lr", "F1", "±", "heart_disease"}  # names of metrics and hyperparameters


def report() -> Document:
    """The report of a made-up search."""
    ends = [TrialStatus.STOPPED, TrialStatus.FINISHED, TrialStatus.DIVERGED]
    trials = [trial(i, [1 / (e + i + 1) for e in range(4)], ends[i % 3], lr=0.1 * (i + 1)) for i in range(9)]
    result = made_up_result(trials, get_task("heart_disease").facts)
    winner = trials[7]
    best = Best(7, "", winner.val_loss, 4, winner.config, test={"accuracy": 0.5}, validation={"accuracy": 0.5})
    rivals = [Baseline(name, {"accuracy": 0.75}, {"accuracy": 0.75}) for name in ("seasonal naive", "last value")]
    loss = Optimism(0.125, 0.25, 0.1875, 0.375, 36, 0.3125, 5, 5, 0, 100)
    data = replace(result.data, details={"season": 12, "before fine-tuning": "validation perplexity 9.95"})
    return make_document(replace(result, best=best, baselines=tuple(rivals), optimism=loss, data=data), now=0)


def test_a_report_in_korean_has_no_sentence_of_ours_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    first = report()
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    korean = report()
    assert (first.language, korean.language) == ("en", "ko")
    assert '<html lang="ko">' in to_html(korean)
    assert len(korean.sections) == len(first.sections) > 8
    assert english(korean, {*AS_THEY_ARE, korean.title}) == []
    assert not any(HANGUL.search(section.title) for section in first.sections)
    tables = [block for section in korean.sections for block in section.blocks if isinstance(block, Table)]
    models = [row[0] for table in tables for row in table.rows]
    assert {"계절 단순 예측", "직전 값"} <= {*models}
    assert [name for name in korean.provenance if not HANGUL.search(name)] == ["run id"]
    shown = {str(value) for value in korean.provenance.values()}
    assert "검증 perplexity 9.95" in shown
    notes = [line for line in to_markdown(korean).splitlines() if line.startswith(("*", ">"))]  # figures and warnings
    assert len(notes) > 4
    assert [line for line in notes if not HANGUL.search(line) or "Warning" in line or "Figure" in line] == []


def test_a_comparison_says_in_korean_how_a_search_was_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    first = made_up_result([trial(0, [0.5], TrialStatus.FINISHED, lr=0.1)], get_task("heart_disease").facts, "가")
    reasons = [stop.value for stop in Stop]
    results = [replace(first, name=f"나-{n}", stopped=reason) for n, reason in enumerate(reasons)]
    page = make_comparison_document(compare([first, *results]), "link", "")
    notes = [block.text for section in page.sections for block in section.blocks if isinstance(block, Note)]
    told = [note for note in notes if "나-" in note]
    assert len(told) == len(reasons)
    assert [note for note in told if re.search("[a-z]{2}", note)] == []
    assert "나-0의 탐색이 중단되었습니다." in told
