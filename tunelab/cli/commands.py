"""The commands of ``tunelab``: found by name, loaded when they are called, with a help that fits a terminal."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from search_spaces.errors import UserError, did_you_mean
from tunelab.cli.arguments.data_hints import TABLE_SUFFIXES, table_hint
from tunelab.cli.arguments.language import given_language, with_language
from tunelab.cli.output.help import PanelCommand, write_rows, write_wrapped
from tunelab.system.language import use_language
from tunelab.system.texts import tr_text


@dataclass(frozen=True)
class CommandEntry:
    """A command before it is loaded.

    Attributes:
        module: Holds ``command``, or ``make_command(arguments)``, or a Typer ``app`` for a group of commands.
        summary: Its line in the help of ``tunelab``.
    """

    module: str
    summary: str


# In the order of the help.
COMMANDS = {
    "tasks": CommandEntry("tunelab.cli.tasks.listing", "List the tasks: what they learn, from which data"),
    "space": CommandEntry("tunelab.cli.tasks.space", "Show what a task's search space varies"),
    "sweep": CommandEntry("tunelab.cli.sweep", "Search hyperparameters and log the best model"),
    "resume": CommandEntry("tunelab.cli.resume", "Continue or extend a sweep"),
    "watch": CommandEntry("tunelab.cli.watch", "Show the live table of a sweep that runs elsewhere"),
    "steer": CommandEntry("tunelab.cli.steer", "Pause, continue, extend or finish a sweep that runs"),
    "plan": CommandEntry("tunelab.cli.plan", "Predict a sweep's time, memory and disk"),
    "whatif": CommandEntry("tunelab.cli.whatif", "Replay a sweep under other rules of early stopping"),
    "results": CommandEntry("tunelab.cli.results", "List the sweeps, or show the outcome of one"),
    "report": CommandEntry("tunelab.cli.report", "Write a sweep's report (HTML and Markdown)"),
    "compare": CommandEntry("tunelab.cli.compare", "Compare sweeps"),
    "reproduce": CommandEntry("tunelab.cli.reproduce", "Train a trial again and compare it epoch by epoch"),
    "predict": CommandEntry("tunelab.cli.predict", "Predict with a logged model"),
    "new-task": CommandEntry("tunelab.cli.tasks.new", "Write a working task of your own to start from"),
    "check-task": CommandEntry("tunelab.cli.tasks.check", "Check a task of your own"),
    "ui": CommandEntry("tunelab.cli.ui", "Open the results in the MLflow UI"),
    "clean": CommandEntry("tunelab.cli.clean", "Free disk space of earlier sweeps"),
    "doctor": CommandEntry("tunelab.cli.doctor", "Check this machine"),
    # by name only: benchmarks are built on tunelab, not the other way
    "bench": CommandEntry("benchmarks.cli.main", "Benchmarks of text generation, search and speed"),
}


class HelpfulGroup(TyperGroup):
    """A group of commands in the language in force, which answers a misspelt command with the nearest."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, names = args[0], self.list_commands(ctx)
        if name not in names:
            hint = did_you_mean(name, names)
            raise UserError(f"No such command '{name}'.{hint} `{ctx.command_path} --help` lists them.")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        use_language(given_language(args))  # so that the help and errors of a command line are in it
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, tr_text(_summary(self.get_command(ctx, name)))) for name in self.list_commands(ctx)]
        usage = f"Usage: {ctx.command_path} COMMAND ...  (COMMAND --help lists its options)"
        write_wrapped(formatter, tr_text(str(self.help)))
        formatter.write(f"{tr_text(usage)}\n")
        formatter.indent()
        write_rows(formatter, rows)
        formatter.dedent()
        formatter.write(f"{tr_text('Options: -h, --language en|ko')}\n")


class Commands(TyperGroup):
    """The commands of ``tunelab``, each loaded when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, rest = args[0], args[1:]
        if name not in COMMANDS:
            raise UserError(_explain_unknown(name))
        return name, load_command(name, rest), rest

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        use_language(given_language(args))  # so that the help and errors of a command line are in it
        known = {flag for parameter in self.get_params(ctx) for flag in parameter.opts}
        first = args[0].partition("=")[0] if args else ""
        if first.startswith("-") and first not in known:
            command = next((word for word in args if word in COMMANDS), "sweep")
            raise UserError(f"Options come after the command: tunelab {command} ... {first}.")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, tr_text(entry.summary)) for name, entry in COMMANDS.items()]
        usage = "Usage: tunelab COMMAND ...  (`tunelab COMMAND --help` lists its options)"
        formatter.write(f"{tr_text(str(self.help))}\n{tr_text(usage)}\n")
        formatter.indent()
        write_rows(formatter, rows)
        formatter.dedent()
        options = "Options: -h, --version, --language en|ko, --install-completion (bash, zsh, fish)"
        formatter.write(f"{tr_text(options)}\n{tr_text(str(self.epilog))}\n")


def load_command(name: str, arguments: Sequence[str] = ()) -> Any:
    """Load a command.

    Args:
        name: A key of ``COMMANDS``.
        arguments: The words behind it: a task that they name may bring options of its own.

    Returns:
        What Typer runs.
    """
    module = importlib.import_module(COMMANDS[name].module)
    if hasattr(module, "app"):
        return typer.main.get_command(module.app)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = module.make_command(arguments) if hasattr(module, "make_command") else module.command
    app.command(name, cls=PanelCommand)(with_language(function))
    return typer.main.get_command(app)


def _summary(command: Any) -> str:
    return " ".join(str(command.help).partition("\n\n")[0].split())


def _explain_unknown(word: str) -> str:
    from trainables import task_names

    if word in task_names():
        return f"'{word}' is a task. Type: tunelab sweep {word}"
    if word.endswith(TABLE_SUFFIXES):
        return str(table_hint(word))
    return f"No such command '{word}'.{did_you_mean(word, COMMANDS)} `tunelab --help` lists them."
