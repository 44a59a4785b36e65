"""``tunelab compare``: sweeps side by side."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.say import say, write_lines
from tunelab.system.language import tr
from tunelab.system.terminal import cells as cells_of
from tunelab.system.texts import tr_text
from tunelab.tracking.open import open_store
from tunelab.tracking.uri import names_server

NAME_CELLS = 20  # of the name of a sweep above a column

if TYPE_CHECKING:
    from tunelab.report.comparison import Comparison


def command(
    sweeps: Annotated[
        list[str],
        typer.Argument(help="Names, run ids, their beginnings; @latest.", autocompletion=complete_sweep),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write an HTML file and a Markdown twin.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="The store to read.")] = None,
    ui: Annotated[
        str, typer.Option(metavar="URL", help="Address of the MLflow UI that the link opens.")
    ] = "http://127.0.0.1:5000",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare sweeps, of one task or several: outcome, settings that differ, winners, and a link into MLflow."""
    from tunelab.cli.report import check_output

    check_output(output)
    if not names_server(ui):
        raise UserError(f"--ui '{ui}' must be the address of a server, e.g. http://127.0.0.1:5000.")
    if len(sweeps) < 2:
        raise UserError(f"Comparing takes two or more sweeps, got '{sweeps[0]}' alone. `tunelab results` lists them.")
    store = open_store(tracking_uri)
    from tunelab.records.text import format_utc
    from tunelab.report.comparison import compare, make_comparison_document
    from tunelab.report.report import write_document
    from tunelab.tracking.ui_views import COMPARE_VIEW, compare_link, view_link

    run_ids = [store.find_sweep(sweep) for sweep in sweeps]
    comparison = compare([store.load(run_id) for run_id in run_ids])
    base = store.shown_uri if store.uri.startswith("http") else ui
    runs = [(str(store.run(run_id).info.experiment_id), run_id) for run_id in run_ids]
    link = compare_link(base, runs)
    files: tuple[Path, ...] = ()
    if output is not None:
        import time

        document = make_comparison_document(comparison, link, f"Made on {format_utc(time.time())}.")
        files = (output, write_document(document, output))
    if as_json:
        print_json({**comparison.to_json(), "link": link}, indent=2)
        return
    print_comparison(comparison)
    say("In MLflow, with `tunelab ui` running:" if base == ui else "In MLflow:", f"  {link}")
    say("All sweeps on the same task, coloured by the test score:")
    for experiment in dict.fromkeys(experiment for experiment, _ in runs):
        say(f"  {view_link(base, experiment, COMPARE_VIEW)}")
    sys.stdout.writelines(f"{path}\n" for path in files)


def _in_lines(name: str) -> str:
    """Return the name of a sweep in lines that leave room for the other's, broken behind its hyphens."""
    lines = [""]
    for part in re.findall("[^-]*-|[^-]+", name):
        if lines[-1] and cells_of(lines[-1] + part) > NAME_CELLS:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def print_comparison(comparison: Comparison) -> None:
    """Print the tables, and what must be known before comparing."""
    from tunelab.cli.output.tables import print_table
    from tunelab.records.spec import SweepSpec
    from tunelab.report.comparison import shown_rows, verdicts_of

    for title, rows in (
        (tr("Outcome"), shown_rows(comparison.outcome)),
        (tr("Settings that differ"), shown_rows(comparison.settings, SweepSpec.model_fields)),
        (tr("Winners' hyperparameters"), [[what, *cells] for what, cells in comparison.winners]),
    ):
        if rows:
            names = [_in_lines(name) for name in comparison.names]
            print_table(["", *names], rows, title=title, short=NAME_CELLS // 2)  # no sweep is left out for a date
    for name, result in zip(comparison.names, comparison.sweeps, strict=True):
        say(f"{name}: {' '.join(verdicts_of(result))}")
    for note in comparison.notes:
        write_lines(sys.stdout, [tr("Note: {note}", note=tr_text(note))])
