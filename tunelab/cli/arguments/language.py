"""The option ``--language``, which every command has; it is read before the command loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from itertools import pairwise
from typing import Annotated, Any, get_args

import typer

from tunelab.cli.arguments.signature import with_parameters
from tunelab.records.panels import STORE
from tunelab.system.language import LANGUAGES, VARIABLE

FLAG = "--language"
METAVAR = "|".join(LANGUAGES)
HELP = f"Language of what is written and printed; that of {VARIABLE} when not given."

LanguageOption = Annotated[str | None, typer.Option(FLAG, metavar=METAVAR, help=HELP)]


def given_language(arguments: Sequence[str]) -> str | None:
    """Return the language that a command line names; None when it names none."""
    for word, following in pairwise([*arguments, ""]):
        if word == FLAG:
            return following
        if word.startswith(f"{FLAG}="):
            return word.partition("=")[2]
    return None


def with_language(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command with the option, which the command itself does not get."""
    parameters = list(signature(function, eval_str=True).parameters.values())
    panels = {getattr(info, "rich_help_panel", None) for p in parameters for info in get_args(p.annotation)[1:]}
    info = typer.Option(FLAG, metavar=METAVAR, help=HELP, rich_help_panel=STORE if STORE in panels else None)
    option = Parameter("language", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, info])

    def command(language: str | None = None, **given: Any) -> Any:
        return function(**given)

    command.__doc__ = function.__doc__
    return with_parameters(command, [*parameters, option])
