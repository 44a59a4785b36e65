"""One setting of text generation: every decoding parameter, validated, none left to a library's default.

transformers accepts several wrong values in silence (``top_p=1.5``, ``no_repeat_ngram_size=-1``, a temperature with
greedy search) and samples with ``top_k=50`` unless told otherwise; here every value is checked and written out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from search_spaces.errors import UserError, unknown

Mode = Literal["sample", "greedy", "beam", "beam_sample"]

MODES: tuple[Mode, ...] = ("sample", "greedy", "beam", "beam_sample")
OFF: Mapping[str, float] = {  # the value of each parameter that changes nothing
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "length_penalty": 1.0,
}
SAMPLING_ONLY = ("temperature", "top_k", "top_p", "min_p", "typical_p")
BEAM_ONLY = ("num_beams", "length_penalty")
FILTERS = {"top_k": "top-k", "top_p": "top-p", "min_p": "min-p", "typical_p": "typical"}
METHODS: Mapping[Mode, str] = {
    "sample": "sampling",
    "greedy": "greedy",
    "beam": "beam search",
    "beam_sample": "beam sampling",
}
LARGEST = 1_000_000  # whole numbers above it are slips: no vocabulary and no model's length comes near
SHORT = {"temperature": "T", "repetition_penalty": "rep", "no_repeat_ngram_size": "ngram", "num_beams": "beams"}


@dataclass(frozen=True)
class DecodingSettings:
    """How the next token is chosen.

    Attributes:
        mode: ``sample``, ``greedy`` (the likeliest token), ``beam`` (beam search without sampling) or ``beam_sample``
            (beam search whose beams are drawn, not the likeliest).
        temperature: divides the logits; 0.01 to 100.
        top_k: only the k likeliest tokens; 0 is off.
        top_p: the smallest set of likeliest tokens with this share of probability (nucleus); 1 is off.
        min_p: only tokens at least this probable relative to the likeliest; 0 is off.
        typical_p: locally typical sampling with this share of probability; 1 is off.
        repetition_penalty: divides positive and multiplies negative logits of tokens already seen, prompt included;
            1 is off, below 1 rewards repetition and is refused.
        no_repeat_ngram_size: no n-gram of tokens twice, prompt included; 0 is off, at most 1000.
        num_beams: 2 to 16 for ``beam`` and ``beam_sample``, else 1.
        length_penalty: exponent of the length that a beam's log-probability is divided by; 1 is the mean.
        max_new_tokens: most tokens of a continuation.
    """

    mode: Mode = "sample"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    num_beams: int = 1
    length_penalty: float = 1.0
    max_new_tokens: int = 64

    def __post_init__(self) -> None:
        """Raise ``UserError`` for a value out of range or a contradiction."""
        if self.mode not in MODES:
            raise unknown("mode of decoding", str(self.mode), MODES)
        for name in ("temperature", "top_p", "min_p", "typical_p", "repetition_penalty", "length_penalty"):
            object.__setattr__(self, name, _real(name, getattr(self, name)))
        for name in ("top_k", "no_repeat_ngram_size", "num_beams", "max_new_tokens"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        _within("temperature", self.temperature, 0.01 <= self.temperature <= 100, "0.01 to 100", _GREEDY_HINT)
        _within("top_k", self.top_k, 0 <= self.top_k <= LARGEST, f"0 (off) to {LARGEST:,}")
        _within("top_p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1 (off)", _GREEDY_HINT)
        _within("min_p", self.min_p, 0 <= self.min_p < 1, "0 (off) to below 1", _GREEDY_HINT)
        _within("typical_p", self.typical_p, 0 < self.typical_p <= 1, "above 0 and at most 1 (off)")
        _within("repetition_penalty", self.repetition_penalty, 1 <= self.repetition_penalty <= 10, "1 (off) to 10")
        _within(
            "no_repeat_ngram_size", self.no_repeat_ngram_size, 0 <= self.no_repeat_ngram_size <= 1000, "0 (off) to 1000"
        )
        _within("length_penalty", self.length_penalty, -10 <= self.length_penalty <= 10, "-10 to 10")
        _within("max_new_tokens", self.max_new_tokens, 1 <= self.max_new_tokens <= LARGEST, f"1 to {LARGEST:,}")
        self._contradictions()

    def _contradictions(self) -> None:
        if self.has_beams:
            _within("num_beams", self.num_beams, 2 <= self.num_beams <= 16, f"2 to 16 in mode '{self.mode}'")
        useless = (() if self.is_random else SAMPLING_ONLY) + (() if self.has_beams else BEAM_ONLY)
        for name in useless:
            if getattr(self, name) != OFF[name]:
                other = "beam" if name in BEAM_ONLY else "beam_sample" if self.has_beams else "sample"
                raise UserError(
                    f"'{name}' has no effect in mode '{self.mode}', got {getattr(self, name)}. "
                    f"Leave it out, or use mode '{other}'."
                )

    @property
    def is_random(self) -> bool:
        """Whether repeats differ; greedy and beam search give one text per prompt."""
        return self.mode in ("sample", "beam_sample")

    @property
    def has_beams(self) -> bool:
        """Whether several continuations are kept at each step."""
        return self.mode in ("beam", "beam_sample")

    @property
    def method(self) -> str:
        """The decoding method that this is a setting of, e.g. ``"top-k sampling"``.

        Which filters are on makes the method, the mode otherwise; temperature, penalties, beams and length are values
        to choose within one.
        """
        filters = [word for name, word in FILTERS.items() if getattr(self, name) != OFF[name]]
        return " ".join([" and ".join(filters), METHODS[self.mode]]).strip()

    @property
    def name(self) -> str:
        """A short name from what is not off, e.g. ``"T=0.9 top_k=50 rep=2"``; other values give another name."""
        changed = [
            f"{SHORT.get(name, name)}={_exact(getattr(self, name))}"
            for name, off in OFF.items()
            if getattr(self, name) != off
        ]
        if self.mode == "sample" and self.temperature == 1:
            changed.insert(0, "T=1")
        return " ".join([*([] if self.mode == "sample" else [self.mode]), *changed])

    def as_dict(self) -> dict[str, Any]:
        """Return every parameter by name, JSON values."""
        return asdict(self)

    def generate_arguments(self) -> dict[str, Any]:
        """Return the arguments of transformers' ``generate`` that mean the same, each written out."""
        arguments: dict[str, Any] = {
            "do_sample": self.is_random,
            "num_beams": self.num_beams,
            "max_new_tokens": self.max_new_tokens,
            "repetition_penalty": self.repetition_penalty,
            "no_repeat_ngram_size": self.no_repeat_ngram_size,
        }
        if self.is_random:
            arguments |= {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "min_p", "typical_p")}
        if self.has_beams:
            arguments |= {"length_penalty": self.length_penalty, "early_stopping": False}
        return arguments


PARAMETERS = tuple(f.name for f in fields(DecodingSettings))
_GREEDY_HINT = " For the likeliest token always, use mode 'greedy'."


def parse_settings(values: Mapping[str, Any]) -> DecodingSettings:
    """Return one setting from a mapping; raise ``UserError`` for unknown names and wrong values."""
    for name in values:
        if name not in PARAMETERS:
            raise unknown("decoding parameter", str(name), PARAMETERS)
    return DecodingSettings(**dict(values))


def expand_grid(values: Mapping[str, Any]) -> list[DecodingSettings]:
    """Return every combination of a mapping whose values may be lists: ``{"temperature": [0.3, 0.9], "top_k": 50}``."""
    axes: list[Sequence[Any]] = []
    for name, value in values.items():
        if isinstance(value, list) and not value:
            raise UserError(f"'{name}' is an empty list. Give at least one value, or leave it out.")
        axes.append(value if isinstance(value, list) else [value])
    return [parse_settings(dict(zip(values, choice, strict=True))) for choice in itertools.product(*axes)]


def brief(value: object) -> str:
    """Return a value as a message shows it, however long it is."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _exact(value: float) -> str:
    """As short as possible, but never the text of another number."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _real(name: str, value: object) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    except OverflowError:  # a whole number above all floats
        pass
    raise UserError(f"'{name}' must be a finite number, got {brief(value)}.")


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"'{name}' must be a whole number, got {brief(value)}.")
    return value


def _within(name: str, value: float, good: bool, allowed: str, hint: str = "") -> None:
    if not good:
        raise UserError(f"'{name}' must be {allowed}, got {brief(value)}.{hint}")
