"""What a user asked for on the command line, turned into a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.generation.plan.goal import TRIALS, Goal, check_goal
from benchmarks.generation.plan.spec import (
    CHARACTER_NGRAM,
    DEFAULT_SPEC,
    OPTIMIZE_SPEC,
    Plan,
    find_models,
    parse_spec,
    read_spec,
    resolve,
    with_changes,
)
from benchmarks.generation.plan.storage import KIND, PACKAGES, asked
from benchmarks.harness.lockfile import check_folder
from search_spaces.errors import UserError
from tunelab.setup.named_models import local_model

TEXT_PARAMETERS = ("mode",)
WHOLE_PARAMETERS = ("top_k", "no_repeat_ngram_size", "num_beams")


@dataclass(frozen=True)
class Request:
    """A benchmark as asked for.

    Attributes:
        spec: a benchmark file; None takes the default one, or none where prompts and settings are given.
        prompts: the user's own prompts, in place of the file's.
        grid: by decoding parameter, values as typed (``"0.3,0.9"``), or None; in place of the file's settings.
        changes: entries of the file to be replaced; None keeps the file's.
        optimize, trials: metric to search settings for, and how many to try.
        speed: whether speed is measured.
        tracking_uri: of the store that knows models by sweeps' and models' names; the default one when None.
    """

    spec: Path | None = None
    prompts: tuple[str, ...] = ()
    grid: Mapping[str, str | None] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    optimize: str | None = None
    trials: int | None = None
    speed: bool = True
    tracking_uri: str | None = None

    def goal(self) -> Goal | None:
        """Return what is searched for, if anything."""
        if self.optimize is None:
            if self.trials is not None:
                raise UserError("'--trials' belongs to '--optimize'. Give both, or leave it out.")
            return None
        return Goal(self.optimize, TRIALS if self.trials is None else self.trials)

    def plan(self) -> Plan:
        """Return everything resolved and checked as far as files tell; raise ``UserError``."""
        goal = self.goal()
        base = read_spec(self.spec or (OPTIMIZE_SPEC if goal else DEFAULT_SPEC))
        content = base.model_dump()
        grid = {name: _values(name, text) for name, text in self.grid.items() if text is not None}
        if self.prompts:
            content["prompts"] |= {
                "held_out": 0,
                "written": [{"topic": "own", "text": _filled(p)} for p in self.prompts],
            }
        if grid:
            content |= {"settings": [grid], "baseline": None}
        if (self.prompts or grid) and self.spec is None:
            content["name"] = "own"
        if not self.speed:
            content["speed"]["repeats"] = 0
        spec = with_changes(parse_spec(content, "command line"), **self.changes)
        named = {"model": spec.model, "scorer": None if spec.scorer == CHARACTER_NGRAM else spec.scorer}
        local = {key: name and local_model(name, self.tracking_uri) for key, name in named.items()}
        plan = resolve(with_changes(spec, **local))
        if goal:
            check_goal(goal, plan)
        find_models(plan)
        return plan

    def folder(self, output: Path | None, plan: Plan) -> Path:
        """Where results go, ``output`` or a folder named after the benchmark; raises ``UserError`` when they cannot."""
        folder = output or Path(f"bench-generation-{plan.spec.name}")
        check_folder(folder, KIND, asked(plan, self.goal()), PACKAGES)
        return folder


def _filled(prompt: str) -> str:
    if not prompt.strip():
        raise UserError("A prompt is empty. Give '--prompt' some text.")
    return prompt


def _values(name: str, text: str) -> list[Any]:
    """``"0.3,0.9"`` as numbers; raises ``UserError`` naming the option."""
    option = f"--{name.replace('_', '-')}"
    parts = [part.strip() for part in text.split(",")]
    if name in TEXT_PARAMETERS:
        return list(parts)
    found: list[Any] = []
    for part in parts:
        try:
            found.append(int(part) if name in WHOLE_PARAMETERS else float(part))
        except ValueError:
            kind = "whole numbers" if name in WHOLE_PARAMETERS else "numbers"
            raise UserError(f"'{option}' takes {kind} with commas between them, got '{text}'.") from None
    return found
