"""``tunelab whatif``: a sweep under other rules of early stopping, replayed from its own journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.errors import UserError, did_you_mean
from trainables.base.kinds.percent import as_percent
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.say import say

if TYPE_CHECKING:
    from tunelab.analysis.whatif import RecordedSearch, StoppingRules, WhatIf
    from tunelab.records.measure import Measure

SCHEDULERS = ("asha", "none")
MAX_NUMBERS = 12  # of trials that a line lists


def command(
    sweep: Annotated[
        str, typer.Argument(help="Name of a sweep, or its beginning; @latest.", autocompletion=complete_sweep)
    ],
    scheduler: Annotated[str | None, typer.Option(metavar="asha|none", help="Another scheduler.")] = None,
    grace_period: Annotated[
        int | None, typer.Option(metavar="N", help="Another number of epochs before a trial can be stopped.")
    ] = None,
    reduction_factor: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the best 1/N of the trials at each rung.")
    ] = None,
    advise: Annotated[bool, typer.Option("--advise", help="Propose rules for this task.")] = False,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="Store of the sweep.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which trials other rules would have stopped, what they would have saved, and whether the winner is kept."""
    from tunelab.analysis.whatif import RecordedSearch, StoppingRules, what_if
    from tunelab.analysis.whatif import advise as find_advice
    from tunelab.records.spec import make_spec
    from tunelab.search.journal import read_events
    from tunelab.search.replay import replay
    from tunelab.setup.folders import sweep_folder
    from tunelab.setup.resume import find_name, last_session
    from tunelab.tracking.uri import store_home

    home = store_home(tracking_uri)
    name = find_name(home, sweep)
    session = last_session(home, name)
    if session.further_metrics:
        metrics = " and ".join([session.metric, *session.further_metrics])
        raise UserError(f"whatif replays the search of one metric, and '{name}' has several: {metrics}.")
    present = StoppingRules.from_spec(make_spec(session.spec))
    earlier = replay(read_events(sweep_folder(home, name)))
    search, measure = RecordedSearch.from_journal(earlier), session.measure
    changes = {"scheduler": scheduler, "grace_period": grace_period, "reduction_factor": reduction_factor}
    changes = {key: value for key, value in changes.items() if value is not None}
    _check(name, search, changes, advise=advise)
    found = what_if(search, _changed(present, changes)) if changes else None
    advice = find_advice(search, present) if advise else None
    if as_json:
        answers = {"whatif": found, "advice": advice}
        told = {key: value and _values(value, measure) for key, value in answers.items()}
        print_json({"sweep": name, "metric": measure.name, "epochs": search.epochs, **told})
        return
    lines = [f"{name} as it ran ({present.options}): epochs: {search.epochs:,}, trials: {len(search.trials)}."]
    lines += lines_of(found, measure) if found is not None else []
    if advise:
        lines += ["", *advice_lines(advice, measure)]
    say(*lines)


def lines_of(found: WhatIf, measure: Measure) -> list[str]:
    """Return the outcome of a replay for people, a line each."""
    from tunelab.records.text import format_number

    bounds = "" if found.low == found.high else f" (between {found.low:,} and {found.high:,})"
    lines = [
        f"With {found.rules.options}: about {found.epochs:,} epochs{bounds}, "
        f"{as_percent(found.fraction_saved)} less than without early stopping.",
        f"  stopped: {_numbers(found.stopped)}" + (f"; perhaps {_numbers(found.perhaps)}" if found.perhaps else ""),
    ]
    if found.winner is not None:
        fates = {
            "kept": f"trial {found.winner}, the best, is kept",
            "lost": f"trial {found.winner}, the best, is lost: what is left has {measure.name} "
            f"{format_number(measure.value(found.next_best))} or {'higher' if measure.is_maximised else 'lower'}",
            "unknown": f"whether trial {found.winner}, the best, is kept depends on curves that end too early",
        }
        lines.append(f"  {fates[found.fate]}")
    if len(found.short) == 1:
        lines.append(
            f"  The curve of trial {found.short[0]} ends before these rules are done with it: the bounds let it end "
            "there, or fall below all others."
        )
    elif found.short:
        lines.append(
            f"  In {len(found.short)} of the trials curves end before these rules are done with them, also in some "
            "that might have won: the bounds let them end there, or fall below all others."
        )
    return lines


def advice_lines(advice: WhatIf | None, measure: Measure) -> list[str]:
    """Return what to use for the next sweep of the task."""
    if advice is None:
        return ["Advice: keep the rules. None that keep the three best trials would save 5 % of the epochs."]
    return [
        f"Advice for the next sweep of this task: {advice.rules.options}. The three best trials are kept.",
        *lines_of(advice, measure),
    ]


def _check(name: str, search: RecordedSearch, changes: dict[str, Any], *, advise: bool) -> None:
    """Raise ``UserError`` for rules that cannot be replayed."""
    if not changes and not advise:
        raise UserError("What should differ? Give --grace-period, --reduction-factor or --scheduler, or --advise.")
    scheduler = changes.get("scheduler", "asha")
    if scheduler not in SCHEDULERS:
        raise UserError(f"--scheduler must be asha or none, got '{scheduler}'.{did_you_mean(scheduler, SCHEDULERS)}")
    if scheduler == "none" and len(changes) > 1:
        raise UserError("--scheduler none stops no trial: leave out --grace-period and --reduction-factor.")
    if not search.trials:
        raise UserError(f"Sweep '{name}' has no trial with an epoch yet: there is nothing to replay.")
    grace, factor = changes.get("grace_period", 1), changes.get("reduction_factor", 2)
    if not 1 <= grace <= search.max_epochs:
        raise UserError(f"--grace-period must lie between 1 and {search.max_epochs}, the trials' epochs, got {grace}.")
    if factor < 2:
        raise UserError(f"--reduction-factor must be 2 or more, got {factor}.")


def _changed(present: StoppingRules, changes: dict[str, Any]) -> StoppingRules:
    """Return the rules with the changes; a grace period or factor without a scheduler asks for asha."""
    return replace(present, **{"scheduler": "asha", **changes})


def _values(found: WhatIf, measure: Measure) -> dict[str, Any]:
    next_best = measure.value(found.next_best)
    return {**asdict(found), "next_best": next_best, "fraction_saved": found.fraction_saved}


def _numbers(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no trial"
    shown = ", ".join(map(str, numbers[:MAX_NUMBERS]))
    count = f"{len(numbers)} trials" if len(numbers) > 1 else "trial"
    return f"{count} {shown}" + (", …" if len(numbers) > MAX_NUMBERS else "")
