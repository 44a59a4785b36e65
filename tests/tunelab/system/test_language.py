"""The language of what tunelab says: every message is in the catalogue, and says the same with the same fields."""

from __future__ import annotations

import ast
import gettext
import io
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks
import tunelab
from benchmarks.confirmation.spec import CASES
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.report.tables import AGAINST_HUMAN, FURTHER, MAIN
from benchmarks.generation.scoring.metrics import DEFINITIONS
from benchmarks.generation.scoring.quality import HUMAN_PAIRED, PAIRED
from benchmarks.optimism.simulate import KINDS as WINNERS
from benchmarks.optimism.spec import SIMULATION
from benchmarks.plan.report import NAMES
from benchmarks.search.arena.ranks import SPLITS
from search_spaces import UserError
from tests.catalogues import DOMAINS, OTHERS, catalogue, catalogue_path, compiled
from trainables.base.kinds.registry import KINDS
from tunelab.analysis.members import MEMBER_COLUMNS
from tunelab.display.live_table import CELLS
from tunelab.records.front import PointOutcome
from tunelab.records.trial import TrialStatus
from tunelab.report.front import GROUPS
from tunelab.report.search.axes import UNUSED
from tunelab.system.language import language, tr, tr_plural, tr_term, use_language

MESSAGES = {"tr": 1, "tr_plural": 2}  # how many of its arguments are messages, by function
SAME = {  # in every language
    *("run id", "val_loss", "kB"),
    *("distinct 1", "distinct 2", "distinct 3", "self bleu", "seq rep 2", "seq rep 4"),
}
DESCRIBED = {  # what shipped tasks say of their data, and the columns of the list of sweeps
    *("rows", "rows used", "target", "kind", "numeric", "categorical", "dates", "text", "dropped", "classes", "pixels"),
    *("series", "moments", "step", "season", "horizon", "known", "past", "documents", "tokens", "target transform"),
    *("characters of a text (mean)", "before fine-tuning", "GGUF file", "data", "model", "inferred"),
    *("sweep", "task", "status", "trials", "metric", "best", "score", "started", "interrupted", "scheduled"),
}


def messages() -> Iterator[str]:
    """Every message that the code gives ``tr`` or ``tr_plural``."""
    folders = [Path(str(package.__file__)).parent for package in (tunelab, benchmarks)]
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MESSAGES:
                for message in node.args[: MESSAGES[node.func.id]]:
                    if path.name != "language.py":
                        assert isinstance(message, ast.Constant), f"{path}:{node.lineno}: the message is no literal"
                        yield str(message.value)


def terms() -> set[str]:
    """Values that are shown through ``tr_term``."""
    return {
        *CELLS,
        *DESCRIBED,
        *(status.label for status in TrialStatus),
        *(str(outcome) for outcome in PointOutcome),
        *(name for name, _, _ in GROUPS),
        *(kind.loss_text for kind in KINDS.values()),
        *MEMBER_COLUMNS,
        UNUSED,
        *CASES,
        *WINNERS,
        *NAMES.values(),
        *SPLITS,
        SIMULATION,
        HUMAN,
        "character",
        "token",
        *DEFINITIONS.values(),
        *(name.replace("_", " ") for name in (*MAIN, *FURTHER, *AGAINST_HUMAN, *HUMAN_PAIRED, *PAIRED)),
    }


def fields(text: str) -> set[tuple[str, str]]:
    """The fields of a message with their formats."""
    return {(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", OTHERS)
def test_every_message_is_translated_with_the_same_fields(name: str) -> None:
    found = {str(entry.id): str(entry.string) for entry in catalogue(name) if entry.id}
    assert {*messages(), *terms()} - {*found} - SAME == set()
    for message, translation in found.items():
        assert translation.strip()
        assert message in SAME or translation != message
        assert fields(translation) == fields(message), message


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("name", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_text(name: str, domain: str) -> None:
    committed = catalogue_path(name, domain).with_suffix(".mo").read_bytes()
    assert compiled(name, domain) == compiled(name, domain) == committed, "python -m tests.catalogues"
    read = gettext.GNUTranslations(io.BytesIO(committed))
    for entry in catalogue(name, domain):
        assert not entry.id or read.gettext(str(entry.id)) == entry.string


def test_the_language_is_english_unless_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "xx")
    assert language() == "en"
    assert tr("trial {number}", number=3) == "trial 3"
    assert tr_plural("{count} trial ended", "{count} trials ended", 1, count=1) == "1 trial ended"
    assert tr_plural("{count} trial ended", "{count} trials ended", 0, count=0) == "0 trials ended"
    use_language("ko")
    assert tr("trial {number}", number=3) == "시행 3"
    assert tr_plural("{count} trial ended", "{count} trials ended", 1, count=1) == "시행 1개 끝남"
    assert tr_term("gradient boosting") == "그래디언트 부스팅"
    assert tr_term("") == ""
    assert tr_term("{mine}") == "{mine}"
    use_language(None)
    assert language() == "ko"
    with pytest.raises(UserError, match="--language must be one of en, ko, got 'de'"):
        use_language("de")
