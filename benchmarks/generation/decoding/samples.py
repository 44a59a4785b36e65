"""Generated texts as they are kept: one JSON object a line, written in the fixed order of the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.generation.decoding.engine import continuation_seed
from benchmarks.generation.plan.spec import NamedSetting, Plan


@dataclass(frozen=True)
class Sample:
    """One continuation.

    Attributes:
        setting: its setting's name.
        prompt: number of the prompt in the plan.
        repeat: 0-based.
        seed: of its random numbers.
        ended: whether the model ended the text itself.
        log_probability: of the tokens under the model, nats, end token left out.
        token_ids: without prompt and end token.
        text: the continuation as it follows the prompt.
    """

    setting: str
    prompt: int
    repeat: int
    seed: int
    ended: bool
    log_probability: float
    token_ids: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Slot:
    """A sample to be made: its place in the plan."""

    setting: NamedSetting
    prompt: int
    repeat: int
    seed: int


def slots(plan: Plan) -> list[Slot]:
    """Return every sample of the plan, in the order in which they are made and kept."""
    return [
        Slot(setting, index, repeat, continuation_seed(plan.spec.seed, prompt.text, repeat))
        for setting in plan.settings
        for repeat in range(plan.repeats(setting))
        for index, prompt in enumerate(plan.prompts)
    ]


def append_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Append lines and flush them to the file."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(asdict(s), ensure_ascii=False) + "\n" for s in samples)


def read_samples(path: Path) -> list[Sample]:
    """Return the kept samples, without a last line cut off by a crash; a missing file gives an empty list."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            values = json.loads(line) if line else None
        except ValueError:
            break
        if values is not None:
            found.append(Sample(**{**values, "token_ids": tuple(values["token_ids"])}))
    return found
