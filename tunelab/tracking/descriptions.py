"""What runs, model versions and experiments say of themselves in MLflow, in Markdown and in English.

Readers of every language share a store, so that the language in force does not count here.
"""

from __future__ import annotations

from tunelab.analysis.caveats import test_openings
from tunelab.analysis.confirmation_cost import not_confirmed
from tunelab.analysis.outcome import score_text, verdict
from tunelab.analysis.standing import headline, rivals, winner_name
from tunelab.analysis.use import set_options, winner_params
from tunelab.documents.markdown import fenced, plain
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.result import SweepResult
from tunelab.system.language import in_english
from tunelab.tracking.names import WINNER


@in_english()
def sweep_note(result: SweepResult, experiment_id: str = "") -> str:
    """Describe a sweep's run: what it is and, once there is one, its verdict, the winner's configuration and links."""
    facts, spec, best = result.facts, result.spec, result.best
    trials = "1 trial" if spec.trials == 1 else f"{spec.trials} trials"
    parts = [f"**{note_text(facts.title)}**: a sweep of {trials} of at most {spec.max_epochs} epochs."]
    if best is not None:
        parts[0] = f"{note_text(verdict(result))}\n\n{parts[0]}"  # the page shows the first lines alone
        parts.append(_rivals_table(result))
        if result.front is None:  # whose verdict says it
            parts.append(
                note_text(not_confirmed(result) if result.confirmation is None else result.confirmation.verdict)
            )
        if winner_params(result):
            options = fenced(set_options(result, " \\\n"))  # one long line would make MLflow's page wider than a window
            which = f"trial {best.trial}, the heaviest member" if best.members else winner_name(result)
            parts.append(f"Configuration of {which}:\n\n{options}")
        parts.append(_links(result, experiment_id))
    parts.append(note_text(f"Data: {facts.source} ({facts.licence}). {facts.note}".strip()))
    if len(result.test_openings) > 1:
        parts.append(f"**Warning:** {note_text(test_openings(result))}.")
    return "\n\n".join(part for part in parts if part)


@in_english()
def winner_note(result: SweepResult, experiment_id: str) -> str:
    """Describe the run of a sweep's winner."""
    parent = f"[{note_text(result.name)}](#/experiments/{experiment_id}/runs/{result.parent_run_id})"
    return (
        f"{WINNER} The winner of the sweep {parent}.\n\n{note_text(verdict(result))}\n\n{_rivals_table(result)}".strip()
    )


@in_english()
def version_note(result: SweepResult) -> str:
    """Describe a model's version in the registry."""
    return f"{winner_name(result).capitalize()} of the sweep `{result.name}`. {note_text(verdict(result))}"


@in_english()
def version_tags(result: SweepResult) -> dict[str, str]:
    """Return the tags of a model's version: its sweep, its test score and the verdict on it."""
    best, score = result.best, result.facts.score
    found = {"tunelab.sweep": result.name, "tunelab.verdict": short_verdict(result)}
    if best is not None and score in best.test:
        found[f"tunelab.test_{score}"] = score_text(result, best.test[score])
    return found


def short_verdict(result: SweepResult) -> str:
    """Return the verdict in a few words: ``beats linear, not confirmed``."""
    simple = next((rival for rival in rivals(result) if rival.name != REFERENCE), None)
    against = "" if simple is None else f"{'beats' if simple.gain > 0 else 'does not beat'} {simple.name}"
    if result.confirmation is None:
        seeds = "not confirmed"
    elif result.confirmation.better is None:
        seeds = "no reference to confirm against"
    else:
        seeds = "confirmed" if result.confirmation.better else "not better than the reference on new seeds"
    return ", ".join(part for part in (against, seeds) if part)


def note_text(text: str) -> str:
    """Return text that MLflow's Markdown shows as it is: it has no formulas, and shows a backslash before a ``$``."""
    return plain(text).replace(r"\$", "$")


def _rivals_table(result: SweepResult) -> str:
    """Return the winner's headline score beside those of the reference and the best baseline."""
    best, compared = result.best, rivals(result)
    if best is None or not compared:
        return ""
    rows = [("model", headline(result), "the winner is")]
    rows.append((f"{WINNER} {winner_name(result)}", score_text(result, best.test[result.facts.score]), ""))
    rows += [(rival.name, score_text(result, rival.score), rival.relation) for rival in compared]
    first, *lines = [f"| {' | '.join(map(note_text, cells))} |" for cells in rows]
    return "\n".join([first, "|---|---|---|", *lines])


def _links(result: SweepResult, experiment_id: str) -> str:
    best = result.best
    if best is None or not best.run_id or not experiment_id:
        return ""
    runs = f"#/experiments/{experiment_id}/runs"
    found = [
        f"[the winner's run]({runs}/{best.run_id})",
        f"[report]({runs}/{result.parent_run_id}/artifacts/report/report.html)",
    ]
    if best.version:
        name = f"tunelab-{result.task}"
        found.append(f"[{name}, version {best.version}](#/models/{name}/versions/{best.version})")
    return "Open " + " · ".join(found)
