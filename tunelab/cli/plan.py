"""``tunelab plan``: what a sweep will cost, before it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tunelab.cli import sweep
from tunelab.cli.arguments.signature import with_parameters
from tunelab.cli.output.json_output import print_json
from tunelab.cli.output.say import say

if TYPE_CHECKING:
    from tunelab.estimate.prediction import Prediction


def make_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Make the command, which takes the options of ``tunelab sweep``."""
    return with_parameters(run_command, sweep.parameters(arguments))


def run_command(**given: Any) -> None:
    """Measure one short probe and predict a sweep's time, epochs, memory and disk; takes the same options."""
    from tunelab.estimate.predict import predict

    prediction = predict(sweep.spec_of(given))
    if given["as_json"]:
        print_json(asdict(prediction))
    else:
        say(*lines_of(prediction))


def lines_of(prediction: Prediction) -> list[str]:
    """Return a prediction for people, a line each."""
    from tunelab.records.text import format_bytes, format_duration, format_number

    p = prediction
    cut = f"; --time-budget ends it after about {p.in_time}" if p.in_time < p.trials else ""
    return [
        f"trials     {p.trials} of at most {p.max_epochs} epochs, {p.concurrency} at once "
        f"(--concurrency {p.concurrency}){cut}",
        f"wall time  about {format_duration(p.wall_seconds)}{_often(*map(format_duration, p.wall_range))}",
        f"epochs     about {p.epochs:,} of {p.trials * p.max_epochs:,}, {format_number(p.epoch_seconds, 3)} s each"
        f"{_often(*(f'{bound:,}' for bound in p.epochs_range))}",
        f"memory     about {format_bytes(p.memory_bytes)}, {format_bytes(p.worker_bytes)} of it for each trial at once",
        f"disk       about {format_bytes(p.disk_bytes)}",
        f"Configurations measured: {p.probed}, in {p.probe_seconds:.0f} s. Trials may end sooner by themselves.",
    ]


def _often(low: str, high: str) -> str:
    """Return a range for people; nothing where both ends read alike."""
    return "" if low == high else f" (eight of ten searches: {low} to {high})"
