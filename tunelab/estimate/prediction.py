"""What a sweep will cost: time, memory and disk, predicted from a probe and from simulated searches."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces import UserError
from trainables.base.training.machine_memory import available_memory
from tunelab.analysis.confirmation_cost import DEFAULT_MIN_TRIALS, WORKER_SECONDS, affordable_top
from tunelab.confirmation.cross_validation import FOLDS, MAX_COST, MAX_LEADERS
from tunelab.estimate.probe import Probe, seconds_per_epoch
from tunelab.estimate.simulation import Spread, expected_training
from tunelab.evaluation.candidates import KEEP_WEIGHTS, kept_weights
from tunelab.records.spec import ResolvedSpec
from tunelab.records.text import format_bytes
from tunelab.search.factory import make_rungs
from tunelab.setup.resolved import ResolvedSweep
from tunelab.system.machine import process_tree

IMPORT_SECONDS = 3.0  # Python, torch, Ray and MLflow, before anything can be measured
STORE_BYTES = 5_100_000  # an empty store and the log that sqlite keeps beside it
PAGES_BYTES = 4_700_000  # report, figures and model of one sweep: each page holds plotly.js
TRIAL_BYTES = 9_000  # a trial's rows in the store, without its curve
VALUE_BYTES = 230  # one metric of one epoch in the store, indices included
USUAL_MEMBERS = 6  # of an ensemble, whose weights its model holds
SPARE_MEMORY = 0.9  # of what is available may be used


@dataclass(frozen=True)
class Prediction:
    """What a sweep is expected to cost.

    Attributes:
        trials: Number of trials asked for.
        in_time: Number of trials that end before ``--time-budget`` does; all without one.
        max_epochs: Budget of one trial, epochs.
        concurrency: Proposed trials at once: what CPUs, GPUs and memory allow.
        epochs: Epochs over all trials, without those that early stopping saves: the mean over simulated searches.
        epochs_range: The same in eight of ten simulated searches: which trials meet at a rung depends on chance.
        epoch_seconds: Mean training time of an epoch over the probed configurations.
        train_seconds: Training time, summed over trials.
        wall_seconds: Seconds from the command to the result.
        wall_range: The same with the epochs of ``epochs_range``.
        memory_bytes: Peak memory of this process and all that it starts.
        worker_bytes: Memory of one worker.
        disk_bytes: Size of store, journal, weights and model at the end.
        probe_seconds: Seconds that the probe took.
        probed: Number of configurations that it trained.
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


@dataclass(frozen=True)
class Measured:
    """What was measured of a sweep before it runs.

    Attributes:
        capacity: Trials that fit at once by CPUs and GPUs.
        lengths: Epochs of each probed trial where no other stops it.
        startup_seconds: Starting Ray and loading the data.
        evaluation_seconds: What follows the search, without confirmation and cross-validation.
        folded: True if few validation rows make the sweep compare its leaders by cross-validation.
        probe_seconds: The whole probe.
    """

    capacity: int
    lengths: Sequence[int]
    startup_seconds: float
    evaluation_seconds: float
    folded: bool
    probe_seconds: float

    @property
    def length(self) -> int:
        """The mean of the lengths."""
        return round(statistics.fmean(self.lengths))


def make_prediction(plan: ResolvedSweep, probe: Probe, measured: Measured) -> Prediction:
    """Predict a sweep's cost.

    Args:
        plan: The sweep.
        probe: Its probe, after it ran.
        measured: What was measured beside it.

    Raises:
        UserError: The sweep cannot fit in memory or on the disk.
    """
    spec, capacity = plan.spec, measured.capacity
    costs = [seconds_per_epoch(trial) for trial in probe.trials]
    expected = expected_training(spec.trials, measured.lengths, make_rungs(spec, probe.references), costs)
    epochs, seconds, epoch_seconds = expected.epochs, expected.seconds, statistics.fmean(costs)
    first_seconds = statistics.fmean(trial.epochs[0].seconds for trial in probe.trials)
    train = seconds.mean + spec.trials * max(0.0, first_seconds - epoch_seconds)
    later = max(0, process_tree(os.getpid())[os.getpid()] - probe.own_bytes)  # what the evaluation loaded
    base = probe.peak_bytes + later - capacity * probe.worker_bytes
    concurrency = _fitting(base, probe.worker_bytes, capacity)
    trained = sum(trial.train_seconds for trial in probe.trials)
    overhead = max(0.0, probe.wall_seconds - trained / capacity)  # starting and ending workers, reports
    search, fraction = overhead + train / concurrency, 1.0
    if spec.time_budget is not None and search > spec.time_budget:
        fraction = max(0.0, spec.time_budget - overhead) / (search - overhead)
        search, epochs, train = spec.time_budget, epochs.cut(fraction), train * fraction
    in_time = round(spec.trials * fraction)
    confirmation = _confirmation_seconds(spec, in_time, measured.length * epoch_seconds / concurrency, search)
    if measured.folded:
        confirmation += _folding_seconds(in_time, measured.length, epochs, epoch_seconds)
    wall = IMPORT_SECONDS + measured.startup_seconds + search + confirmation + measured.evaluation_seconds
    bounds = (seconds.low, seconds.high) if fraction == 1 else (seconds.mean, seconds.mean)
    fewer, more = ((bound - seconds.mean) / concurrency for bound in bounds)
    return Prediction(
        trials=spec.trials,
        in_time=in_time,
        max_epochs=spec.max_epochs,
        concurrency=concurrency,
        epochs=round(epochs.mean),
        epochs_range=(round(epochs.low), round(epochs.high)),
        epoch_seconds=epoch_seconds,
        train_seconds=train,
        wall_seconds=wall,
        wall_range=(wall + fewer, wall + more),
        memory_bytes=base + concurrency * probe.worker_bytes,
        worker_bytes=probe.worker_bytes,
        disk_bytes=_fitting_disk(plan, _disk_bytes(probe, kept_weights(spec), in_time, epochs.mean)),
        probe_seconds=measured.probe_seconds,
        probed=len(probe.trials),
    )


def _fitting_disk(plan: ResolvedSweep, disk: int) -> int:
    """Return the bytes that a sweep needs; raise ``UserError`` when they are not free."""
    home = next(folder for folder in (plan.home, *plan.home.parents) if folder.exists())
    free = shutil.disk_usage(home).free
    if disk > free:
        raise UserError(
            f"The sweep would need {format_bytes(disk)} in '{plan.home}', where {format_bytes(free)} are free. "
            "Give fewer --trials, another --storage, or see what `tunelab clean` can free."
        )
    return disk


def _fitting(base: int, worker: int, capacity: int) -> int:
    """Return how many workers fit into memory beside the rest; raise ``UserError`` when none does.

    The probe has ended by now, but Ray still runs: what it holds is part of ``base``, so that this errs on the safe
    side.
    """
    free = int(available_memory() * SPARE_MEMORY)
    fits = (free - base) // max(1, worker)
    if fits < 1:
        raise UserError(
            f"A sweep would need {format_bytes(base + worker)} of memory, of which {format_bytes(worker)} for each "
            f"trial at once; {format_bytes(free)} can be used. Lower batch_size or the model's size, or use another "
            "machine."
        )
    return int(min(capacity, fits))


def _confirmation_seconds(spec: ResolvedSpec, trials: int, run_seconds: float, search_seconds: float) -> float:
    """Return the seconds of a confirmation, by the rule of ``confirmation/confirm.py``; long ones start new workers.

    Args:
        spec: The sweep's.
        trials: Number of trials that run.
        run_seconds: Seconds of one whole run, divided by the number of runs at once.
        search_seconds: Seconds of the whole search.
    """

    def training(top: int) -> float:
        return run_seconds * spec.confirm_seeds * (top + 1)

    top = spec.confirm_top
    if top is None:
        top = affordable_top(trials, training, search_seconds)
    if not top:
        return 0.0
    return training(top) + (WORKER_SECONDS if training(top) > WORKER_SECONDS else 0.0)


def _folding_seconds(trials: int, length: int, epochs: Spread, epoch_seconds: float) -> float:
    """Return the seconds of a cross-validation by the rule of ``confirmation/cross_validation.py``, one run at a time.

    Args:
        trials: Number of trials that run.
        length: Epochs of a whole run.
        epochs: Of the whole search.
        epoch_seconds: Of one epoch.
    """
    if trials < DEFAULT_MIN_TRIALS:
        return 0.0
    affordable = int(MAX_COST * epochs.mean / (FOLDS * max(1, length)))
    leaders = min(MAX_LEADERS, affordable)
    return FOLDS * leaders * length * epoch_seconds if leaders > 1 else 0.0


def _disk_bytes(probe: Probe, kept: int, trials: int, epochs: float) -> int:
    """Return the bytes of store, journal, weights and model; ``kept`` leading trials keep their weights.

    The weights of families differ in size by far: the mean of the probed trials counts, and the model once more.
    """
    ran = probe.trials
    seen = sum(len(trial.epochs) for trial in ran)
    values = statistics.fmean(len(trial.epochs[0].metrics) + 2 for trial in ran)
    journal = (probe.folder / "journal.jsonl").stat().st_size / seen
    sizes = [path.stat().st_size for path in probe.folder.glob("weights/*")]
    weights = statistics.fmean(sizes) if sizes else 0.0
    copies = min(kept, trials) + 1 + (USUAL_MEMBERS if kept > KEEP_WEIGHTS else 1)  # leaders, the reference; the model
    return round(
        STORE_BYTES + PAGES_BYTES + trials * TRIAL_BYTES + epochs * (values * VALUE_BYTES + journal) + weights * copies
    )
