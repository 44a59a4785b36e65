"""How to use a winner: its model, the command that predicts with it, and its settings to copy."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from search_spaces.values import label_of
from tunelab.records.result import SweepResult
from tunelab.system.language import tr
from tunelab.system.texts import tr_text


def loaded_as(result: SweepResult) -> str:
    """Return the URI by which MLflow loads the winner's model; empty when no model is kept."""
    best = result.best
    if best is None or not best.model_uri:
        return ""
    return f"models:/tunelab-{result.task}/{best.version}" if best.version else best.model_uri


def registration(result: SweepResult) -> str:
    """Return whether the winner's model is the champion, and why not; empty when it is not registered."""
    best = result.best
    if best is None or not best.version:
        return ""
    uri = loaded_as(result)
    standing = (
        tr("{uri} is the champion of this task.", uri=uri) if best.champion else tr("{uri} is registered.", uri=uri)
    )
    return f"{standing} {tr_text(best.not_champion)}".rstrip()


def draws_samples(result: SweepResult) -> bool:
    """Return whether the winner draws samples from a seed, where other models read a file."""
    return result.facts.kind == "generator"


def predict_command(result: SweepResult) -> str:
    """Return the command that predicts with the winner, or draws a sheet of samples: ``SEED`` is a whole number."""
    what = "SEED --output samples.png" if draws_samples(result) else "INPUT --output predictions.csv"
    return f"tunelab predict {result.name} {what}"


def winner_params(result: SweepResult) -> dict[str, Any]:
    """Return the winner's parameters of the search space, as ``--set`` takes them; an ensemble's heaviest member's."""
    best = result.best
    params = next((t.params for t in result.trials if best is not None and t.number == best.trial), {})
    return {name: label_of(value) for name, value in params.items()}


def set_options(result: SweepResult, between: str = " ") -> str:
    """Return the winner's parameters as options of ``tunelab sweep``: ``--set lr=0.01 --set dropout=0.1``.

    Args:
        result: of the sweep.
        between: what separates the options, such as a backslash and a line break.
    """
    return between.join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in winner_params(result).items())


def set_yaml(result: SweepResult) -> str:
    """Return the winner's parameters as a line of a ``sweep.yaml``: ``set: {lr: 0.01, dropout: 0.1}``."""
    text: str = yaml.safe_dump({"set": winner_params(result)}, default_flow_style=None, sort_keys=False, width=10_000)
    return text.strip()


def set_python(result: SweepResult) -> str:
    """Return the winner's parameters as a Python dict, as ``SweepSpec(fixed=...)`` takes them."""
    pairs = (f"{name!r}: {value!r}" for name, value in winner_params(result).items())
    return "{" + ", ".join(pairs) + "}"
