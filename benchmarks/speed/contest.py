"""Contestants on the same work, alternating: what each costs, and how that compares."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.speed.peers.outcome import Outcome
from benchmarks.speed.processes import Cost, run_measured
from benchmarks.speed.work import Work, make_work
from search_spaces.errors import UserError

TIMEOUT = 3600.0
PEERS = "benchmarks.speed.peers."


@dataclass(frozen=True)
class Competitor:
    """One way to do the work.

    Attributes:
        key: short name.
        title: what it is.
        script: module below ``benchmarks.speed.peers``.
        options: for the script.
        needs: module that must be installed; the competitor is left out, by name, when it is not.
        on_gpu: whether it can use one.
    """

    key: str
    title: str
    script: str
    options: tuple[str, ...] = ()
    needs: str = ""
    on_gpu: bool = True


OURS = Competitor("tracked", "tunelab, MLflow on", "ours")
CONTESTANTS = (
    OURS,
    Competitor("untracked", "tunelab, MLflow off", "ours", ("--untracked",)),
    Competitor("floor", "pure training: the epochs of 'tunelab, MLflow on' in bare processes", "pure_training"),
    Competitor("optuna", "Optuna alone, a process per core, our loop, its pruner", "optuna_alone"),
    Competitor("reused", "Ray Tune as documented, actors reused", "documented_tune", ("--reuse",)),
    Competitor("documented", "Ray Tune as documented", "documented_tune"),
    Competitor("syne", "Syne Tune, local backend, ASHA", "syne_tune_local", needs="syne_tune"),
)


@dataclass(frozen=True)
class Run:
    """One competitor's one go."""

    competitor: Competitor
    round: int
    cost: Cost
    outcome: Outcome
    started: float  # unix time

    @property
    def ms_per_epoch(self) -> float:
        return 1e3 * self.cost.wall_seconds / self.outcome.epochs

    @property
    def cpu_seconds(self) -> float:
        return sum(self.cost.cpu_seconds.values())


def competitors(keys: Sequence[str], notify: Callable[[str], None]) -> list[Competitor]:
    """Return the requested ones that can run here and log the missing ones. Raise ``UserError`` for an unknown name."""
    known = {c.key: c for c in CONTESTANTS}
    for key in keys:
        if key not in known:
            raise UserError(f"--competitors: unknown '{key}'. Known: {', '.join(known)}.")
    chosen = []
    for key in keys or known:
        competitor = known[key]
        if competitor.needs and importlib.util.find_spec(competitor.needs) is None:
            notify(f"left out: {competitor.title} ({competitor.needs} is not installed: pip install 'tunelab[bench]')")
        else:
            chosen.append(competitor)
    return chosen


def run_contest(
    task: str,
    trials: int,
    max_epochs: int,
    rounds: int,
    chosen: Sequence[Competitor],
    *,
    concurrency: int,
    device: str,
    notify: Callable[[str], None],
) -> list[Run]:
    """Run every competitor once a round, in an order that rotates by one each round.

    Ours comes before the floor in the first round, since the floor repeats the epochs that ours ran.

    Raises:
        RuntimeError: a competitor failed; the message holds the end of what it wrote.
    """
    from trainables import get_task

    work = make_work(task, trials, max_epochs, concurrency, device)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="tunelab-speed-") as place:
        folder = Path(place)
        work.write(folder, get_task(task).load().training)
        for number in range(rounds):
            turn = number % len(chosen)
            for competitor in [*chosen[turn:], *chosen[:turn]]:
                run = _run(competitor, number, work, folder)
                runs.append(run)
                notify(
                    f"{task}, round {number + 1}/{rounds}: {competitor.title}: {run.cost.wall_seconds:.1f} s wall, "
                    f"{run.cpu_seconds:.1f} s CPU, {run.outcome.epochs} epochs"
                )
    return runs


def _run(competitor: Competitor, number: int, work: Work, folder: Path) -> Run:
    out = folder / "outcome.json"
    out.unlink(missing_ok=True)
    root = Path(__file__).resolve().parents[2]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", PEERS + competitor.script, str(folder), str(out), *competitor.options]
    with tempfile.TemporaryDirectory(prefix="tunelab-speed-run-") as place:
        started = time.time()
        cost = run_measured(command, env=env, cwd=Path(place), timeout=TIMEOUT)
    if cost.returncode != 0 or not out.exists():
        raise RuntimeError(f"{competitor.title} failed with status {cost.returncode}:\n{cost.output[-3000:]}")
    outcome = Outcome.read(out)
    if outcome.trials != work.trials:
        raise RuntimeError(f"{competitor.title} ran {outcome.trials} of {work.trials} trials:\n{cost.output[-3000:]}")
    return Run(competitor, number, replace(cost, output=""), outcome, started)


@dataclass(frozen=True)
class Ranking:
    """A competitor's medians over the rounds, and its ratios to ours in the same rounds.

    Attributes:
        wall_seconds, cpu_seconds, ms_per_epoch, epochs: medians.
        ratio: of wall time to ours, median; above 1 it is slower.
        spread: lowest and highest of the rounds' ratios.
        epoch_ratio: the same of the wall time an epoch, for work that came out unequal.
        processes: started, median.
        start_seconds: command to first epoch, median; NaN when not known.
        efficiency: training seconds over (search seconds x workers), median; NaN when not known.
    """

    competitor: Competitor
    wall_seconds: float
    cpu_seconds: float
    ms_per_epoch: float
    epochs: float
    ratio: float
    spread: tuple[float, float]
    epoch_ratio: float
    processes: float
    start_seconds: float
    efficiency: float


def rank_competitors(runs: Sequence[Run], concurrency: int) -> list[Ranking]:
    """Fastest first. Ratios are to ``OURS``, or to the first competitor when that did not take part."""
    by: dict[str, list[Run]] = {}
    for run in runs:
        by.setdefault(run.competitor.key, []).append(run)
    base = {r.round: r for r in by.get(OURS.key, next(iter(by.values())))}
    return sorted((_standing(own, base, concurrency) for own in by.values()), key=lambda s: s.wall_seconds)


def _standing(own: list[Run], base: dict[int, Run], concurrency: int) -> Ranking:
    ratios = [r.cost.wall_seconds / base[r.round].cost.wall_seconds for r in own]
    nan = float("nan")
    starts = [r.outcome.first_epoch - r.started for r in own if r.outcome.first_epoch]
    busy = [r.outcome.train_seconds / (r.outcome.fit_seconds * concurrency) for r in own if r.outcome.train_seconds]
    return Ranking(
        competitor=own[0].competitor,
        wall_seconds=statistics.median(r.cost.wall_seconds for r in own),
        cpu_seconds=statistics.median(r.cpu_seconds for r in own),
        ms_per_epoch=statistics.median(r.ms_per_epoch for r in own),
        epochs=statistics.median(r.outcome.epochs for r in own),
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
        epoch_ratio=statistics.median(r.ms_per_epoch / base[r.round].ms_per_epoch for r in own),
        processes=statistics.median(sum(r.cost.processes.values()) for r in own),
        start_seconds=statistics.median(starts) if starts else nan,
        efficiency=statistics.median(busy) if busy else nan,
    )


def to_json(runs: Sequence[Run]) -> str:
    """Return all runs, from which other numbers can be computed."""
    return json.dumps(
        [
            {
                "competitor": r.competitor.key,
                "round": r.round,
                "wall_seconds": r.cost.wall_seconds,
                "cpu_seconds": r.cost.cpu_seconds,
                "processes": r.cost.processes,
                "epochs": r.outcome.epochs,
                "best": r.outcome.best,
                "train_seconds": r.outcome.train_seconds,
                "fit_seconds": r.outcome.fit_seconds,
                "started": r.started,
                "first_epoch": r.outcome.first_epoch,
            }
            for r in runs
        ],
        indent=1,
    )
