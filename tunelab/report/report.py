"""The report of a sweep, from its ``SweepResult`` alone: one self-contained HTML file and its Markdown twin.

    document = make_document(store.load(run_id))
    Path("report.html").write_text(to_html(document))

The same result gives the same bytes; only the line that says when the report was made differs.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces import UserError
from tunelab.analysis.outcome import count_text
from tunelab.analysis.parameter_importance import parameter_importance
from tunelab.documents.blocks import Document, Section
from tunelab.documents.html import to_html
from tunelab.documents.markdown import to_markdown
from tunelab.records.result import SweepResult
from tunelab.records.text import format_utc
from tunelab.report.evidence import confirmation_section, cross_validation_section, expected_loss_section
from tunelab.report.front import front_section
from tunelab.report.repeat import provenance, repeat_section
from tunelab.report.scores import baselines_section, published_section, test_section
from tunelab.report.search.advice import advice_section
from tunelab.report.search.early_stopping import audit_section, savings_section
from tunelab.report.search.importance import importance_section
from tunelab.report.search.progress import curve_sections
from tunelab.report.search.space import space_sections
from tunelab.report.trials import best_section, failures_section, trials_section
from tunelab.report.use import use_section
from tunelab.report.verdict import verdict_section
from tunelab.report.winner import column_section, winner_section
from tunelab.system.language import tr, tr_plural
from tunelab.system.texts import tr_text

if TYPE_CHECKING:
    from tunelab.records.tracking_store import TrackingStore

__all__ = ["log_report", "make_document", "to_html", "to_markdown", "write_document", "write_report"]

ARTIFACT_FOLDER = "report"
FRONT_FILE = "pareto_front.html"


def make_document(result: SweepResult, *, now: float | None = None) -> Document:
    """Return the report of a sweep.

    Args:
        result: live or loaded.
        now: unix time for the line that says when it was made; the current time when None.

    Raises:
        UserError: the sweep has no trials.
    """
    if not result.trials:
        raise UserError(f"Sweep '{result.name}' has no trials yet: there is nothing to report on.")
    result = result.as_stored()  # names in the order of the store, live or loaded
    importance = parameter_importance(result)
    sections: list[Section | None] = [
        verdict_section(result),
        front_section(result),
        baselines_section(result),
        published_section(result),
        best_section(result) if result.ranked() else None,
        expected_loss_section(result),
        cross_validation_section(result),
        confirmation_section(result),
        winner_section(result),
        column_section(result),
        importance_section(result, importance),
        *space_sections(result, importance),
        *curve_sections(result),
        savings_section(result),
        audit_section(result),
        advice_section(result, importance),
        failures_section(result),
        test_section(result),
        trials_section(result),
        use_section(result),
        repeat_section(result),
    ]
    return Document(
        title=f"{result.name}: {tr_text(result.facts.title)}",
        subtitle=_subtitle(result),
        sections=[section for section in sections if section is not None],
        provenance=provenance(result),
        made=tr("Report made on {moment}.", moment=format_utc(time.time() if now is None else now)),
    )


def _subtitle(result: SweepResult) -> str:
    spec = result.spec
    return tr_plural(
        "{count} trial of at most {epochs} epochs ({ended}), sampler {sampler}, scheduler {scheduler}, seed {seed}.",
        "{count} trials of at most {epochs} epochs ({ended}), sampler {sampler}, scheduler {scheduler}, seed {seed}.",
        len(result.trials),
        count=len(result.trials),
        epochs=spec.max_epochs,
        ended=count_text(result),
        sampler=spec.sampler,
        scheduler=spec.scheduler,
        seed=spec.seed,
    )


def write_report(result: SweepResult, path: Path) -> Path:
    """Write the HTML to a path and the Markdown beside it; return the Markdown's path.

    Raises:
        UserError: the sweep has no trials, or the path cannot be written.
    """
    return write_document(make_document(result), path)


def write_document(document: Document, path: Path) -> Path:
    """Write a document's HTML to a path and its Markdown beside it; return the Markdown's path.

    Raises:
        UserError: the path cannot be written.
    """
    twin = path.with_suffix(".md")
    try:
        path.write_text(to_html(document), encoding="utf-8", newline="\n")
        twin.write_text(to_markdown(document), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"--output '{path}' cannot be written: {error.strerror}.") from error
    return twin


def log_report(store: TrackingStore, result: SweepResult) -> None:
    """Log both files to the parent run, in the folder ``report``, and a page with the Pareto front if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        write_report(result, Path(folder) / "report.html")
        front = front_section(result)
        if front is not None:
            page = to_html(Document(f"{result.name}: {tr_text(result.facts.title)}", "", [front]))
            (Path(folder) / FRONT_FILE).write_text(page, encoding="utf-8")
        store.log_files(result.parent_run_id, Path(folder), ARTIFACT_FOLDER)
