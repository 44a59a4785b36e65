"""A sweep as ``tunelab sweep`` runs it, with what the journal says of it; ``--untracked`` leaves MLflow out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.speed.peers.outcome import Outcome, arguments

NAME = "speed"
WORK, EPOCHS = (
    "work.json",
    "epochs.json",
)  # as ``work`` and ``pure_training`` call them, which load more than this needs


def main() -> None:
    """Search with tunelab and write the outcome."""
    folder, out = arguments()
    work = json.loads((folder / WORK).read_text())
    tracked = "--untracked" not in sys.argv
    options = {
        "trials": len(work["configs"]),
        "max-epochs": work["max_epochs"],
        "grace-period": work["grace_period"],
        "reduction-factor": work["reduction_factor"],
        "concurrency": work["concurrency"],
        "seed": work["seed"],
        "space": "mlp",  # as ``work.SPACE``
        "sampler": "random",
        "confirm-top": 0,
        "name": NAME,
        "tracking-uri": f"sqlite:///{Path.cwd() / 'mlruns' / 'mlflow.db'}" if tracked else "off",
    }
    if work["device"] == "cuda":
        options["gpus-per-trial"] = round(1 / work["concurrency"], 4)
    command = [sys.executable, "-c", "from tunelab.cli.main import main; main()", "sweep", work["task"], "--json"]
    command += [word for key, value in options.items() for word in (f"--{key}", str(value))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    from tunelab.search.journal import read_events
    from tunelab.search.replay import replay  # only now: this process is part of what is timed

    said = json.loads(done.stdout)
    trials = replay(read_events(Path.cwd() / "mlruns" / "sweeps" / NAME)).trials
    (folder / EPOCHS).write_text(json.dumps([len(t.epochs) for t in trials]))
    Outcome(
        epochs=said["epochs"],
        trials=len(trials),
        best=min(t.val_loss for t in trials),
        train_seconds=said["train_seconds"],
        fit_seconds=said["fit_seconds"],
        first_epoch=min(t.worker["began"] + t.epochs[0].seconds for t in trials if t.epochs),
    ).write(out)


if __name__ == "__main__":
    main()
