"""Values of parameters and configurations: any that a user's space may give, how they are named and stored as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # optuna loads when a space is drawn from, not when tasks are listed
    import optuna

ParamValue = bool | int | float | str | None
TUPLE, PAIRS = "tunelab:tuple", "tunelab:dict"  # keys of the JSON object that holds a tuple, or a dict of other keys
_MEMORY = " at 0x"  # in the text of an object that has none of its own; differs in every process


class PlainTrial:
    """An Optuna trial that takes any values as choices and bounds, and stores plain ones.

    Optuna knows a choice that is neither a number nor a text by its text; it is given back as it was written.
    Everything else is the trial's own.

    Args:
        trial: draws, or holds, the parameters.

    Attributes:
        choices: those that Optuna knows by their text, by name of the parameter and text.
    """

    def __init__(self, trial: optuna.trial.BaseTrial) -> None:
        self._trial = trial
        self.choices: dict[str, dict[ParamValue, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def suggest_categorical(self, name: str, choices: Iterable[Any]) -> Any:
        """Draw one of some values; see ``optuna.Trial.suggest_categorical``."""
        values = [_whole(scalar(choice)) for choice in choices]
        names = labels(values)
        named = {label: value for label, value in zip(names, values, strict=True) if label is not value}
        if named:
            self.choices[name] = named
        drawn = self._trial.suggest_categorical(_whole(name), names)
        return next(v for v, label in zip(values, names, strict=True) if label is drawn or _same(label, drawn))

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        """Draw a whole number; see ``optuna.Trial.suggest_int``."""
        return self._trial.suggest_int(_whole(name), scalar(low), scalar(high), **_scalars(options))

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        """Draw a number; see ``optuna.Trial.suggest_float``."""
        return self._trial.suggest_float(_whole(name), scalar(low), scalar(high), **_scalars(options))


def scalar(value: Any) -> Any:
    """Return a numpy scalar as Python's own number or text, anything else as it is."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def label_of(value: Any) -> ParamValue:
    """Return the name of a choice, as ``--set`` takes it: a number or text as it is, another value as its text."""
    return value if _is_plain(value) else _text(value, 0)


def labels(values: Sequence[Any]) -> list[ParamValue]:
    """Return the names of choices: plain values as they are, others as text, all different."""
    found: list[ParamValue] = []
    for i, value in enumerate(values):
        label = value if _is_plain(value) else _text(value, i)
        plain_ones = [other for other in values if _is_plain(other)]
        while label is not value and any(_same(label, other) for other in [*found, *plain_ones]):
            label = f"{label} #{i}"
        found.append(label)
    return found


def keepable(value: Any, where: str) -> Any:
    """Return a value as it is kept and given to ``fit``: numpy values as numbers and lists, ranges and sets as lists.

    Tuples, lists and dicts stay what they are; keys of dicts that are neither numbers nor texts become text.

    Args:
        value: any value.
        where: what an error calls it.

    Raises:
        TypeError: it cannot be stored.
    """
    value = scalar(value)
    if _is_plain(value):
        return _whole(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return keepable(value.tolist(), where)
    if isinstance(value, Mapping):
        keys = {key: _whole(scalar(key) if _is_plain(scalar(key)) else str(key)) for key in value}
        return {keys[key]: keepable(part, f"{where}[{key!r}]") for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(keepable(part, where) for part in value)
    if isinstance(value, list | range):
        return [keepable(part, where) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((keepable(part, where) for part in value), key=repr)
    raise TypeError(
        f"suggest gives {where} = {_text(value, 0)}, a {type(value).__name__}, which cannot be stored; give numbers, "
        "text, true and false, tuples, lists or dicts"
    )


def pack(value: Any) -> Any:
    """Return what ``keepable`` gave as JSON values from which ``unpack`` makes the same value again."""
    if isinstance(value, tuple):
        return {TUPLE: [pack(part) for part in value]}
    if isinstance(value, list):
        return [pack(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    if all(isinstance(key, str) and key not in (TUPLE, PAIRS) for key in value):
        return {key: pack(part) for key, part in value.items()}
    return {PAIRS: [[key, pack(part)] for key, part in value.items()]}


def unpack(value: Any) -> Any:
    """Return the value that ``pack`` was given."""
    if isinstance(value, list):
        return [unpack(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    if TUPLE in value:
        return tuple(unpack(part) for part in value[TUPLE])
    if PAIRS in value:
        return {key: unpack(part) for key, part in value[PAIRS]}
    return {key: unpack(part) for key, part in value.items()}


class HashableList(list[Any]):
    """A list that Optuna's figures and importance can look up."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(_text(self, 0))


class HashableDict(dict[Any, Any]):
    """A dict that Optuna's figures and importance can look up."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(_text(self, 0))


def hashable(value: Any) -> Any:
    """Return a value that ``keepable`` gave as one that is equal and has a hash."""
    if isinstance(value, tuple):
        return tuple(hashable(part) for part in value)
    if isinstance(value, list):
        return HashableList(hashable(part) for part in value)
    if isinstance(value, dict):
        return HashableDict({key: hashable(part) for key, part in value.items()})
    return value


def _text(value: Any, position: int) -> str:
    """Return a value as text that is the same in every process."""
    try:
        text = json.dumps(keepable(value, ""), ensure_ascii=False) if isinstance(value, Mapping) else repr(_bare(value))
    except TypeError:
        text = repr(value)
    if _MEMORY in text or callable(value):
        text = str(getattr(value, "__qualname__", f"{type(value).__name__} {position}"))
    return " ".join(text.split())


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _whole(value: Any) -> Any:
    """Return a value; text with half of a character, a lone surrogate, raises a TypeError: no file can hold it."""
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise TypeError(f"the text {value!r} holds half of a character, which cannot be stored; write the whole one")
    return value


def _bare(value: Any) -> Any:
    """Return lists and tuples without numpy types, whose text has them."""
    value = scalar(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return type(value)(_bare(part) for part in value) if type(value) in (list, tuple) else value


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other or (one != one and other != other))  # NaN is the same as NaN


def _scalars(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scalar(value) for name, value in options.items()}
