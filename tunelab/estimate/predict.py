"""``tunelab plan``: what a sweep will cost, from one short probe."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from trainables import load_data
from tunelab.confirmation.cross_validation import needs_folds
from tunelab.estimate.prediction import Measured, Prediction, make_prediction
from tunelab.estimate.probe import Probe, evaluation_seconds, whole_lengths
from tunelab.launch.resources import slots, with_gpus
from tunelab.launch.session import ray_running
from tunelab.records.spec import OFF, SweepSpec
from tunelab.setup.resolve import resolve_sweep


def predict(spec: SweepSpec) -> Prediction:
    """Probe a sweep and predict its cost; nothing is kept and the test split is not opened.

    Raises:
        UserError: Bad input, or a sweep that cannot fit in memory or on the disk.
    """
    began = time.monotonic()
    resolved = resolve_sweep(spec)
    with ray_running(spec.address) as cluster:
        settled, resources = with_gpus(resolved.spec, cluster, resolved.task.facts.kind)
        resolved = replace(resolved, spec=settled)
        capacity = min(spec.concurrency or slots(cluster, resources), slots(cluster, resources))
        splits = load_data(resolved.task, spec.split_seed)
        if spec.tracking_uri != OFF:
            import_module("tunelab.tracking.store")  # loads MLflow, as the sweep will
        startup = time.monotonic() - began
        with tempfile.TemporaryDirectory(prefix="tunelab-probe-") as folder:
            probe = Probe(resolved, splits, resources, capacity, Path(folder))
            probe.run()
            lengths = whole_lengths(resolved, splits, probe)
            evaluation = evaluation_seconds(resolved, splits, probe)
            folded = needs_folds(spec, resolved.task, splits)
            measured = Measured(capacity, lengths, startup, evaluation, folded, time.monotonic() - began)
            return make_prediction(resolved, probe, measured)
