"""What a sweep will cost, from one short probe: its first trials, for a few epochs, on the Ray that will run them."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from search_spaces import UserError
from trainables import Splits, load_data
from trainables.base.worker.assignment import TrialReport, weights_path
from tunelab.analysis.confirmation_cost import WORKER_SECONDS, affordable_top
from tunelab.analysis.permutation_importance import column_importance
from tunelab.evaluation.baselines import baselines
from tunelab.launch.local import load_torch
from tunelab.launch.resources import Resources, slots
from tunelab.launch.retraining import assignment_for, retrain_here
from tunelab.launch.session import ray_running
from tunelab.launch.tuner import run_trials
from tunelab.records.spec import OFF, SweepSpec
from tunelab.records.trial import TrialRecord, ranked
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.controller import SearchController, SearchLimits, Stop
from tunelab.search.journal import Journal
from tunelab.search.study import StudySampler
from tunelab.setup.resolve import KEEP_WEIGHTS, ResolvedSweep, compute_of, resolve_sweep, with_gpus
from tunelab.system.memory import available_memory

PROBE_TRIALS = 8
PROBE_EPOCHS = 5
PROBE_SECONDS = 20.0  # after the first report, at most
WHOLE_SECONDS = 5.0  # what whole runs may take that show how long trials train
SIMULATIONS = 200
SIMULATED_TRIALS = 100_000  # in all simulations: the more trials a sweep has, the less its epochs are left to chance
IMPORT_SECONDS = 3.0  # Python, torch, Ray and MLflow, before anything can be measured
MODEL_SECONDS = 2.5  # logging and registering the winner, the report
STORE_BYTES = 5_100_000  # an empty store and the log that sqlite keeps beside it
PAGES_BYTES = 4_700_000  # report, figures and model of one sweep: each page holds plotly.js
TRIAL_BYTES = 9_000  # a trial's rows in the store, without its curve
VALUE_BYTES = 230  # one metric of one epoch in the store, indices included
SPARE_MEMORY = 0.9  # of what is available may be used


@dataclass(frozen=True)
class Prediction:
    """What a sweep is expected to cost.

    Attributes:
        trials, max_epochs: what was asked for.
        in_time: trials that end before ``--time-budget`` does; all without one.
        concurrency: proposed trials at once: what CPUs, GPUs and memory allow.
        epochs: over all trials, those that early stopping saves left out: the mean over simulated searches.
        epochs_range: what eight of ten simulated searches come to: which trials meet at a rung is chance.
        epoch_seconds: mean training time of an epoch over the probed configurations.
        train_seconds: summed over trials.
        wall_seconds: from the command to the result.
        wall_range: the same with the epochs of ``epochs_range``.
        memory_bytes: at its peak, this process and all that it starts.
        worker_bytes: of it, one worker.
        disk_bytes: store, journal, weights and model at the end.
        probe_seconds: what this probe took.
        probed: how many configurations it trained.
    """

    trials: int
    in_time: int
    max_epochs: int
    concurrency: int
    epochs: int
    epochs_range: tuple[int, int]
    epoch_seconds: float
    train_seconds: float
    wall_seconds: float
    wall_range: tuple[float, float]
    memory_bytes: int
    worker_bytes: int
    disk_bytes: int
    probe_seconds: float
    probed: int


def predict(spec: SweepSpec) -> Prediction:
    """Probes and predicts.

    Raises:
        UserError: bad input, or a sweep that cannot fit in memory or on the disk.
    """
    began = time.monotonic()
    plan = resolve_sweep(spec)
    with ray_running(spec.address) as cluster:
        settled, resources = with_gpus(plan.spec, cluster, plan.task)
        plan = replace(plan, spec=settled)
        room = min(spec.concurrency or slots(cluster, resources), slots(cluster, resources))
        splits = load_data(plan.task, spec.split_seed)
        if spec.tracking_uri != OFF:
            import_module("tunelab.tracking.store")  # loads MLflow, as the sweep will
        startup = time.monotonic() - began
        with tempfile.TemporaryDirectory(prefix="tunelab-probe-") as folder:
            probe = Probe(plan, splits, resources, room, Path(folder))
            probe.run()
            length = _usual_length(plan, splits, probe)
            evaluation = _evaluation_seconds(plan, splits, probe)
            return _conclude(plan, probe, room, length, startup, evaluation, time.monotonic() - began)


class Probe:
    """The sweep's first trials for a few epochs: a source of trials that watches time and memory.

    Args:
        plan, splits, resources: of the sweep.
        concurrency: trials at once, as in the sweep, so that they slow each other down as they will.
        folder: for journal and weights.
    """

    def __init__(
        self, plan: ResolvedSweep, splits: Splits, resources: Resources, concurrency: int, folder: Path
    ) -> None:
        spec = plan.spec
        self.folder = folder
        self.wall_seconds = 0.0
        self.peak_bytes = 0
        self.own_bytes = 0  # of it, this process
        self.worker_bytes = 0
        self._first = 0.0  # when the first report came
        self._plan, self._splits, self._resources, self._concurrency = plan, splits, resources, concurrency
        self._journal = Journal(folder)
        self._conductor = SearchController(
            SearchLimits(
                trials=max(PROBE_TRIALS, 2 * concurrency),
                max_epochs=min(PROBE_EPOCHS, spec.max_epochs),
                concurrency=concurrency,
                compute=compute_of(spec),
                storage=str(folder),
            ),
            StudySampler(plan.space, spec.sampler, spec.seed, reference=plan.task.reference, fixed=spec.fixed),
            Rungs((), 2),
            self._journal,
            spec.seed,
        )
        self.next_assignment = self._conductor.next_assignment
        self.on_crash = self._conductor.on_crash
        self.silent_since = self._conductor.silent_since

    @property
    def halted(self) -> bool:
        return self._conductor.halted

    @property
    def trials(self) -> list[TrialRecord]:
        """What ran, whole or in part."""
        return [trial for trial in self._conductor.records if trial.epochs]

    @property
    def best(self) -> TrialRecord:
        """The best of what ran; the first when none has a result."""
        return next(iter(ranked(self.trials)), self.trials[0])

    def on_report(self, number: int, report: TrialReport) -> bool:
        tree = process_tree(os.getpid())
        if sum(tree.values()) > self.peak_bytes:
            self.peak_bytes, self.own_bytes = sum(tree.values()), tree[os.getpid()]
        self.worker_bytes = max(self.worker_bytes, tree.get(int(report.worker.get("pid", 0)), 0))
        self._first = self._first or time.monotonic()
        if time.monotonic() - self._first > PROBE_SECONDS:
            self._conductor.stop(Stop.TIME_BUDGET)
        return self._conductor.on_report(number, report)

    def run(self) -> None:
        """Trains.

        Raises:
            UserError: no trial came to the end of an epoch.
        """
        began = time.monotonic()
        run_trials(self, self._plan.task, self._splits.training, self._resources, self._concurrency)
        self._conductor.finish()
        self._journal.close()
        self.wall_seconds = time.monotonic() - began
        if not self.trials:
            errors = [t.error.partition("\n")[0] for t in self._conductor.records if t.error]
            raise UserError(f"The probe of '{self._plan.task.facts.name}' trained nothing: {', '.join(errors[:1])}.")


@dataclass(frozen=True)
class Epochs:
    """Epochs of simulated searches: their mean, and the bounds between which eight of ten lie."""

    mean: float
    low: float
    high: float

    def cut(self, share: float) -> Epochs:
        """What a share of the search comes to."""
        return Epochs(self.mean * share, self.low * share, self.high * share)


def expected_epochs(trials: int, length: int, levels: tuple[int, ...], reduction_factor: int) -> Epochs:
    """Epochs of a sweep whose trials keep their order at all rungs, from simulations with random orders.

    Args:
        trials: how many.
        length: epochs of a trial that nobody stops.
        levels, reduction_factor: of the rungs.
    """
    if not levels:
        return Epochs(*[float(trials * length)] * 3)
    rng = random.Random(0)
    found = [
        _simulated_epochs([rng.random() for _ in range(trials)], length, Rungs(levels, reduction_factor))
        for _ in range(max(2, min(SIMULATIONS, SIMULATED_TRIALS // trials)))
    ]
    low, *_, high = statistics.quantiles(found, n=10, method="inclusive")
    return Epochs(statistics.fmean(found), low, high)


def _simulated_epochs(losses: list[float], length: int, rungs: Rungs) -> int:
    total = 0
    for number, loss in enumerate(losses):
        stopped = None
        for level in rungs.levels:
            if level >= length:
                break
            rungs.note(number, level, loss)
            if not rungs.should_continue(number, level):
                stopped = level
                break
        total += stopped or length
    return total


def process_tree(root: int) -> dict[int, int]:
    """Memory of a process and all below it, bytes by process id; shared pages count once (PSS)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        text = _read(stat)
        if text:
            parent = int(text.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    return {pid: _pss(pid) for pid in _below(root, children)}


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _below(child, children)


def _pss(pid: int) -> int:
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the process has ended
        return ""


def _usual_length(plan: ResolvedSweep, splits: Splits, probe: Probe) -> int:
    """Epochs of a trial that nobody stops: of the reference and the best, where whole runs of them are cheap."""
    max_epochs = plan.spec.max_epochs
    chosen = [probe.trials[0], probe.best]
    if max_epochs <= PROBE_EPOCHS or sum(map(seconds_per_epoch, chosen)) * max_epochs > WHOLE_SECONDS:
        return max_epochs
    plans = [assignment_for(replace(t, max_epochs=max_epochs), i, t.seed) for i, t in enumerate(chosen)]
    runs = retrain_here(plans, plan.task, splits.training)
    return round(statistics.fmean(len(run.epochs) for run in runs))


def _evaluation_seconds(plan: ResolvedSweep, splits: Splits, probe: Probe) -> float:
    """Time of what follows a search, done with the best probed trial on validation rows: a plan opens no test split."""
    load_torch()
    from safetensors.torch import load_file

    from tunelab.figures.drawings import drawings_of, write_drawings  # loads matplotlib
    from tunelab.figures.evidence import gather

    began, drawing = time.monotonic(), 0.0
    baselines(plan.task, splits, splits.validation)
    trial = probe.best
    path = probe.folder / weights_path(trial.number)
    predictor = plan.task.predictor(trial.config, load_file(path), splits) if path.exists() else None
    if predictor is not None:
        facts = plan.task.facts
        shown = gather(facts, trial, predictor, splits.train, splits.validation, splits.training.facts)
        importance = column_importance(plan.task, predictor, splits.validation)
        drawn = time.monotonic()
        write_drawings(drawings_of(shown, importance), probe.folder, "probe")
        drawing = time.monotonic() - drawn
    others = time.monotonic() - began - drawing + MODEL_SECONDS
    return max(others, drawing)  # a sweep draws in a process of its own


def _conclude(
    plan: ResolvedSweep, probe: Probe, room: int, length: int, startup: float, evaluation: float, probe_seconds: float
) -> Prediction:
    spec = plan.spec
    trials, max_epochs = spec.trials, spec.max_epochs
    levels: tuple[int, ...] = ()
    if spec.scheduler == "asha":
        levels = rung_levels(spec.grace_period, spec.reduction_factor, max_epochs)
    epochs = expected_epochs(trials, length, levels, spec.reduction_factor)
    epoch_seconds = statistics.fmean(seconds_per_epoch(trial) for trial in probe.trials)
    first_seconds = statistics.fmean(trial.epochs[0].seconds for trial in probe.trials)
    train = epochs.mean * epoch_seconds + trials * max(0.0, first_seconds - epoch_seconds)
    later = max(0, process_tree(os.getpid())[os.getpid()] - probe.own_bytes)  # what the evaluation loaded
    base = probe.peak_bytes + later - room * probe.worker_bytes
    concurrency = _fitting(base, probe.worker_bytes, room)
    trained = sum(trial.train_seconds for trial in probe.trials)
    overhead = max(0.0, probe.wall_seconds - trained / room)  # starting and ending workers, reports
    search = overhead + train / concurrency
    share = 1.0
    if spec.time_budget is not None and search > spec.time_budget:
        share = max(0.0, spec.time_budget - overhead) / (search - overhead)
        search, epochs, train = spec.time_budget, epochs.cut(share), train * share
    confirmation = _confirmation_seconds(spec, round(trials * share), length * epoch_seconds / concurrency, search)
    wall = IMPORT_SECONDS + startup + search + confirmation + evaluation
    fewer, more = (
        0.0 if share < 1 else (bound - epochs.mean) * epoch_seconds / concurrency for bound in (epochs.low, epochs.high)
    )
    disk = _disk_bytes(probe, round(trials * share), epochs.mean)
    home = next(folder for folder in (plan.home, *plan.home.parents) if folder.exists())
    free = shutil.disk_usage(home).free
    if disk > free:
        raise UserError(
            f"The sweep would need {disk / 1e6:,.0f} MB in '{plan.home}', where {free / 1e6:,.0f} MB are free. "
            "Give fewer --trials, another --storage, or see what `tunelab clean` can free."
        )
    return Prediction(
        trials=trials,
        in_time=round(trials * share),
        max_epochs=max_epochs,
        concurrency=concurrency,
        epochs=round(epochs.mean),
        epochs_range=(round(epochs.low), round(epochs.high)),
        epoch_seconds=epoch_seconds,
        train_seconds=train,
        wall_seconds=wall,
        wall_range=(wall + fewer, wall + more),
        memory_bytes=base + concurrency * probe.worker_bytes,
        worker_bytes=probe.worker_bytes,
        disk_bytes=disk,
        probe_seconds=probe_seconds,
        probed=len(probe.trials),
    )


def seconds_per_epoch(trial: TrialRecord) -> float:
    """Training seconds of an epoch after the first, which warms up; of the first when there is no other."""
    first, last = trial.epochs[0], trial.epochs[-1]
    later = last.epoch - first.epoch
    return (last.seconds - first.seconds) / later if later else first.seconds


def _fitting(base: int, worker: int, room: int) -> int:
    """How many workers fit into memory beside the rest; raises ``UserError`` when none does.

    The probe has ended by now, but Ray still runs: what it holds is part of ``base``, so that this errs on the safe
    side.
    """
    free = int(available_memory() * SPARE_MEMORY)
    fits = (free - base) // max(1, worker)
    if fits < 1:
        raise UserError(
            f"A sweep would need {(base + worker) / 1e9:.1f} GB of memory, of which {worker / 1e9:.1f} GB for each "
            f"trial at once; {free / 1e9:.1f} GB can be used. Lower batch_size or the model's size, or use another "
            "machine."
        )
    return int(min(room, fits))


def _confirmation_seconds(spec: SweepSpec, trials: int, run_seconds: float, search_seconds: float) -> float:
    """Time of confirming, by the rule of ``tunelab/confirmation/confirm.py``; new workers start for what takes long.

    Args:
        spec, trials: of the sweep.
        run_seconds: of one whole run's share, when others run beside it.
        search_seconds: of the whole search.
    """

    def training(top: int) -> float:
        return run_seconds * spec.confirm_seeds * (top + 1)

    top = spec.confirm_top
    if top is None:
        top = affordable_top(trials, training, search_seconds)
    if not top:
        return 0.0
    return training(top) + (WORKER_SECONDS if training(top) > WORKER_SECONDS else 0.0)


def _disk_bytes(probe: Probe, trials: int, epochs: float) -> int:
    ran: list[Any] = probe.trials
    seen = sum(len(trial.epochs) for trial in ran)
    values = statistics.fmean(len(trial.epochs[0].metrics) + 2 for trial in ran)
    journal = (probe.folder / "journal.jsonl").stat().st_size / seen
    weights = max((path.stat().st_size for path in probe.folder.glob("weights/*")), default=0)
    return round(
        STORE_BYTES
        + PAGES_BYTES
        + trials * TRIAL_BYTES
        + epochs * (values * VALUE_BYTES + journal)
        + weights * (KEEP_WEIGHTS + 1)
    )
