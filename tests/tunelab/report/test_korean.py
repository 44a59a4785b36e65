"""A report in Korean: headings, sentences and heads of tables, from the same result as the English one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.results import made_up_result
from tests.tunelab.report.test_report import trial
from trainables import get_task
from tunelab.documents.blocks import Block, Code, Document, Figure, Folded, Items, Note, Panels, Table, Text
from tunelab.records.best import Best
from tunelab.records.trial import TrialStatus
from tunelab.report.report import make_document, to_html

HANGUL = re.compile("[가-힣]")
AS_THEY_ARE = {"val_loss", "lr"}  # names of metrics and hyperparameters


def sentences(blocks: list[Block]) -> Iterator[str]:
    """What blocks say, without what the task itself says."""
    for block in blocks:
        if isinstance(block, Text | Note):
            yield block.text
        elif isinstance(block, Items):
            yield from block.texts
        elif isinstance(block, Figure | Panels | Table):
            yield block.caption
            yield from [head for head in getattr(block, "columns", ()) if head not in AS_THEY_ARE]
        elif isinstance(block, Folded):
            yield block.summary
            yield from sentences(list(block.blocks))
        else:
            assert isinstance(block, Code)


def report() -> Document:
    """The report of a made-up search."""
    ends = [TrialStatus.STOPPED, TrialStatus.FINISHED, TrialStatus.DIVERGED]
    trials = [trial(i, [1 / (e + i + 1) for e in range(4)], ends[i % 3], lr=0.1 * (i + 1)) for i in range(9)]
    result = made_up_result(trials, replace(get_task("heart_disease").facts, early_stopping=""))
    winner = trials[7]
    return make_document(replace(result, best=Best(7, "", winner.val_loss, 4, winner.config)), now=0)


def test_a_report_in_korean_has_no_sentence_of_ours_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    english = report()
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    korean = report()
    assert (english.language, korean.language) == ("en", "ko")
    assert '<html lang="ko">' in to_html(korean)
    assert len(korean.sections) == len(english.sections) > 8
    said = [korean.subtitle, korean.made, *(section.title for section in korean.sections)]
    for section in korean.sections:
        said += [text for text in sentences(list(section.blocks)) if not text.startswith("Learning curves of trial")]
    assert [text for text in said if text and not HANGUL.search(text)] == []
    assert not any(HANGUL.search(section.title) for section in english.sections)
