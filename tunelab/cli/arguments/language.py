"""The option ``--language`` of commands that speak to people at length."""

from __future__ import annotations

from typing import Annotated

import typer

from tunelab.system.language import LANGUAGES, VARIABLE

METAVAR = "|".join(LANGUAGES)
HELP = f"Language of what is written and printed; that of {VARIABLE} when not given."

LanguageOption = Annotated[str | None, typer.Option("--language", metavar=METAVAR, help=HELP)]
