"""Searches the space of decoding settings with Optuna on half of the prompts; the other half confirms the winner.

Trials are asked for in rounds and decoded together, so that the engine's batches stay full. Everything follows from the
seed: the same call gives the same trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna

from benchmarks.generation.decoding.samples import slots
from benchmarks.generation.measure.writer import Writer, score
from benchmarks.generation.plan.goal import Goal
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.generation.plan.spec import NamedSetting, Plan, halves
from benchmarks.generation.scoring.quality import measure
from benchmarks.generation.scoring.scorer import Scorer
from search_spaces import SearchSpace
from search_spaces.errors import UserError
from search_spaces.optuna_logging import quiet_optuna

ROUND = 8  # trials asked for and decoded together


@dataclass(frozen=True)
class Trial:
    """One setting that was tried: its number, decoding and value on the tuning prompts (NaN where undefined)."""

    number: int
    decoding: DecodingSettings
    value: float


@dataclass(frozen=True)
class Tuning:
    """A search and what it chose.

    Attributes:
        objective: the metric that was made small.
        tuning_prompts, confirming_prompts: numbers of prompts in the plan.
        trials: in the order in which they were asked for.
    """

    objective: str
    tuning_prompts: tuple[int, ...]
    confirming_prompts: tuple[int, ...]
    trials: tuple[Trial, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tuning:
        """From what ``dataclasses.asdict`` gave."""
        trials = tuple(Trial(t["number"], DecodingSettings(**t["decoding"]), t["value"]) for t in values["trials"])
        tuning, confirming = (tuple(values[name]) for name in ("tuning_prompts", "confirming_prompts"))
        return cls(values["objective"], tuning, confirming, trials)

    @property
    def best(self) -> Trial:
        """The best trial; the earliest of equals."""
        defined = [t for t in self.trials if not math.isnan(t.value)]
        if not defined:
            raise UserError(f"No trial gave a value of '{self.objective}': all texts were too short.")
        return min(defined, key=lambda t: (t.value, t.number))


def suggest(trial: optuna.trial.BaseTrial) -> dict[str, object]:
    """Draw a sampling setting: temperature, one kind of truncation, and a repetition penalty."""
    values: dict[str, object] = {
        "temperature": trial.suggest_float("temperature", 0.3, 2.0),
        "repetition_penalty": trial.suggest_float("repetition_penalty", 1.0, 2.0),
    }
    truncation = trial.suggest_categorical("truncation", ["none", "top_k", "top_p", "min_p", "typical_p"])
    if truncation == "top_k":
        values["top_k"] = trial.suggest_int("top_k", 5, 500, log=True)
    elif truncation == "min_p":
        values["min_p"] = trial.suggest_float("min_p", 0.001, 0.3, log=True)
    elif truncation != "none":
        values[truncation] = trial.suggest_float(truncation, 0.5, 0.999)
    return values


SPACE = SearchSpace("decoding", suggest)


def search(
    plan: Plan,
    writer: Writer,
    scorer: Scorer,
    goal: Goal,
    kept: Sequence[Trial] = (),
    on_round: Callable[[Tuning, Sequence[Trial]], None] = lambda tuning, new: None,
) -> Tuning:
    """Try settings on the tuning half.

    Args:
        plan: the benchmark whose prompts are halved.
        writer: makes the texts.
        scorer: measures them.
        goal: the objective, the number of trials and the settings to start from.
        kept: trials of an earlier call with the same arguments, in whole rounds: told to the study, not run again.
        on_round: called after every round that was run, with the search so far and the round's trials.
    """
    tuning, confirming = halves(plan.prompts)
    with quiet_optuna():
        study = optuna.create_study(
            direction="minimize",
            sampler=optuna.samplers.TPESampler(seed=plan.spec.seed % 2**32, constant_liar=True),
        )
    half = replace(plan, prompts=tuple(plan.prompts[i] for i in tuning))
    done: list[Trial] = []
    while len(done) < goal.trials:
        asked = [study.ask() for _ in range(min(ROUND, goal.trials - len(done)))]
        decodings = [_decoding(SPACE(trial), plan) for trial in asked]
        new = list(kept[len(done) : len(done) + len(asked)])
        is_new = len(new) < len(asked)
        if is_new:
            values = _values(half, writer, scorer, goal.objective, decodings)
            new = [Trial(t.number, d, v) for t, d, v in zip(asked, decodings, values, strict=True)]
        for trial, tried in zip(asked, new, strict=True):
            if math.isnan(tried.value):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, tried.value)
        done += new
        found = Tuning(goal.objective, tuple(tuning), tuple(confirming), tuple(done))
        if is_new:
            on_round(found, new)
    return found


def confirmation_plan(plan: Plan, tuning: Tuning) -> Plan:
    """Return the benchmark of the winner against the plan's settings, on the prompts that the search did not see."""
    winner = NamedSetting(f"tuned {tuning.best.decoding.name}", tuning.best.decoding)
    others = tuple(s for s in plan.settings if s.decoding != winner.decoding)
    prompts = tuple(plan.prompts[i] for i in tuning.confirming_prompts)
    baseline = plan.baseline if any(s.name == plan.baseline for s in others) else winner.name
    return replace(plan, prompts=prompts, settings=(*others, winner), baseline=baseline)


def _decoding(values: Mapping[str, object], plan: Plan) -> DecodingSettings:
    """Return the settings rounded to three digits, so that reports show what was used."""
    rounded = {name: float(f"{v:.3g}") if isinstance(v, float) else v for name, v in values.items()}
    return DecodingSettings(max_new_tokens=plan.spec.max_new_tokens, **rounded)  # type: ignore[arg-type]


def _values(
    plan: Plan, writer: Writer, scorer: Scorer, objective: str, decodings: list[DecodingSettings]
) -> list[float]:
    """Return the objective of each setting, all decoded together and each measured for itself."""
    names = [str(i) for i in range(len(decodings))]
    trial_plan = replace(plan, settings=tuple(map(NamedSetting, names, decodings)), baseline=names[0])
    samples = writer.write(trial_plan, slots(trial_plan))
    scored = score(writer, scorer, trial_plan, [*samples, *writer.human_samples(trial_plan)])
    human = [s for s in scored if s.sample.setting not in names]
    values = []
    for name in names:  # one at a time: equal counts over a round's settings would tie a value to its neighbours
        own = [s for s in scored if s.sample.setting == name]
        table = measure(own + human, range(len(plan.prompts)), trial_plan.common_tokens)
        values.append(table.row(name).figures.get(objective, math.nan))
    return values
