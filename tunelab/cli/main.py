"""The command line ``tunelab``: one file a command; heavy libraries load inside the command that needs them."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Annotated, Any, cast

import typer

from search_spaces.errors import UserError, bounded_text
from tunelab.cli.arguments.language import LanguageOption
from tunelab.cli.commands import Commands
from tunelab.cli.output.say import write_lines
from tunelab.system.environment import versions
from tunelab.system.errors import Failure
from tunelab.system.redaction import without_secrets
from tunelab.system.signals import EXIT_CODE, Interruptions
from tunelab.system.terminal import make_streams_printable
from tunelab.system.texts import tr_text

MAX_SENTENCE = 8_000  # characters of an error on the terminal

app = typer.Typer(
    name="tunelab",
    cls=Commands,
    help="Hyperparameter search people can trust: Ray Tune, Optuna and MLflow.",
    epilog="Example: tunelab sweep california_housing --trials 32 && tunelab ui",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(wanted: bool) -> None:
    """Print the version of tunelab and end."""
    if wanted:
        sys.stdout.write(f"tunelab {versions()['tunelab']}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
    language: LanguageOption = None,
) -> None:
    """Take the options before the command."""


# Typer's own, which it shows as a block of lines. It has no public name that all versions of Typer share.
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])


def main() -> None:
    """Run a command and end the process.

    A ``UserError`` or a wrong command line is one sentence and exit code 2, a ``Failure`` one and 1; never a traceback.
    SIGTERM and a closed terminal end every command as Ctrl-C does.
    """
    make_streams_printable()
    gc.set_threshold(20_000, 50, 100)  # libraries make half a million objects that stay: a quarter of loading them
    try:
        with Interruptions().raised():
            code = app(prog_name="tunelab", standalone_mode=False) or 0
        if code == EXIT_CODE:  # Typer's answer to Ctrl-C; a sweep that was begun ends with its own
            raise KeyboardInterrupt
        raise SystemExit(code)
    except UsageError as error:
        _complain(usage_sentence(error))
        raise SystemExit(2) from None
    except UserError as error:
        _complain(sentence(error))
        raise SystemExit(2) from None
    except Failure as error:
        _complain(sentence(error))
        raise SystemExit(1) from None
    except (KeyboardInterrupt, typer.Abort):
        with suppress(OSError):  # the terminal may be closed
            _complain(f"tunelab: {tr_text('stopped before there was a result.')}")
        raise SystemExit(EXIT_CODE) from None
    finally:
        gc.freeze()  # the interpreter would look through all objects of torch, ray and mlflow once more: over a second


def _complain(text: str) -> None:
    write_lines(sys.stderr, text.split("\n"))


def sentence(error: Exception) -> str:
    """Return what an error says, as the terminal shows it: a line without passwords, and not the whole of a novel."""
    return f"tunelab: {tr_text(bounded_text(in_one_line(without_secrets(str(error))), MAX_SENTENCE))}"


def in_one_line(text: str) -> str:
    """Return a text with its line ends as blanks: a value that an error shows may have some."""
    return " ".join(text.split("\n"))


def usage_sentence(error: Any) -> str:
    """Return what is wrong with a command line in one line; the help of a group of commands that was given none."""
    message = str(error.format_message())
    if error.ctx is not None and message == error.ctx.get_help():
        return message
    reasons: list[Any] = getattr(error.__cause__, "errors", list)()  # of pydantic, with which Typer reads values
    if reasons:
        option, reason = error.param.get_error_hint().strip("'"), str(reasons[0]["msg"]).partition(",")[0]
        message = f"{option} {reason.lower().removeprefix('input ')}, got {reasons[0]['input']!r}"
    if getattr(error, "possibilities", None):
        message = f"{error.message}. Did you mean '{error.possibilities[0]}'?"
    message += "" if message.endswith((".", "?")) else "."
    command = "tunelab" if error.ctx is None else error.ctx.command_path
    return f"tunelab: {tr_text(in_one_line(f'{message} `{command} --help` shows what it takes.'))}"


if __name__ == "__main__":
    main()
