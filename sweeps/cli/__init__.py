"""The command line ``tunelab``: one file a command; heavy libraries load inside the command that needs them."""

from __future__ import annotations

import gc
import importlib
import sys

import typer

from search_spaces.errors import UserError
from sweeps.failures import Failure

app = typer.Typer(
    name="tunelab",
    help="Hyperparameter search people can trust: Ray Tune, Optuna and MLflow in one platform.",
    epilog="Example: tunelab sweep california_housing --trials 32 && tunelab ui",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# In the order of the help. Each module holds ``command``, or a Typer ``app`` for a group of commands.
COMMANDS = {
    "tasks": "sweeps.cli.tasks",
    "sweep": "sweeps.cli.sweep",
    "resume": "sweeps.cli.resume",
    "plan": "sweeps.cli.plan",
    "results": "sweeps.cli.results",
    "report": "sweeps.cli.report",
    "compare": "sweeps.cli.compare",
    "reproduce": "sweeps.cli.reproduce",
    "predict": "sweeps.cli.predict",
    "check-task": "sweeps.cli.check_task",
    "ui": "sweeps.cli.ui",
    "clean": "sweeps.cli.clean",
    "doctor": "sweeps.cli.doctor",
    "bench": "benchmarks.cli",  # by name only: benchmarks are built on sweeps, not the other way
}


def _mount() -> None:
    for name, module in COMMANDS.items():
        loaded = importlib.import_module(module)
        if hasattr(loaded, "app"):
            app.add_typer(loaded.app, name=name)
        else:
            app.command(name)(loaded.command)


def main() -> None:
    """Runs a command. A ``UserError`` is one sentence and exit code 2, a ``Failure`` one and 1; never a traceback."""
    gc.set_threshold(20_000, 50, 100)  # libraries make half a million objects that stay: a quarter of loading them
    _mount()
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"tunelab: {error}\n")
        raise SystemExit(2) from None
    except Failure as error:
        sys.stderr.write(f"tunelab: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("tunelab: interrupted\n")
        raise SystemExit(130) from None
    finally:
        gc.freeze()  # the interpreter would look through all objects of torch, ray and mlflow once more: over a second


if __name__ == "__main__":
    main()
