"""Advice for what follows a sweep, in sentences: where it hit a limit, and what did not matter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from search_spaces.values import label_of
from trainables.base.kinds.percent import as_percent
from trainables.base.kinds.rounding import without_rounding
from tunelab.analysis.parameter_importance import MIN_TRIALS
from tunelab.records.assessment.audit import AGREEMENT
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number, format_tick
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import rung_levels
from tunelab.search.stopping import MIN_RANKED, Gain, expected_gain
from tunelab.system.language import tr

EDGE = 0.05  # of a range: a winner that lies so near to an end may want more of it
NEAR = 0.25  # of a range: where the median of the leading trials lies then
LEADING = 5  # trials
WHOLE_NUMBERS = 5  # fewer values of a whole number have no inside
IMMATERIAL = 0.02  # of the importance: a parameter below it hardly mattered
SHARE_OF_LOG = 1 / 3  # of a logarithmic range is added beyond its end, 1 / 2 of a linear one
SHARE_OF_LINEAR = 1 / 2


def advice(result: SweepResult, importance: Mapping[str, float]) -> list[str]:
    """Return advice for the next sweep, a sentence or two each; empty without a winner.

    Args:
        result: Of the sweep.
        importance: Of its hyperparameters, by ``parameter_importance``.
    """
    if result.best is None:
        return []
    if result.facts.objectives:
        metrics = tr(" and ").join(objective.metric for objective in result.facts.objectives)
        return [tr("Only sweeps of one metric get advice; this one has several: {metrics}.", metrics=metrics)]
    return [*_edges(result), *_immaterial(result, importance), *_scheduler(result), *_more_trials(result)]


def _seed_noise(result: SweepResult) -> float | None:
    found = result.confirmation
    losses = () if found is None else found.winner_row.val_losses
    return without_rounding(float(np.std(losses, ddof=1)), *losses) if len(losses) > 1 else None


def _more_trials(result: SweepResult) -> Iterator[str]:
    gain = expected_gain(result.trials)
    if gain is None:
        return
    count, noise = len(result.ranked()), _seed_noise(result)
    text = gain_text(count, gain, result.measure)
    if noise is None:
        yield f"{text}; {tr('what a new seed alone changes was not measured (--confirm-top 3).')}"
    elif gain.mean > noise:
        more = tr("more than the {noise} by which a new seed alone moves it", noise=format_number(noise, 2))
        yield f"{text}, {more}: tunelab resume {result.name} --trials {len(result.trials) + count}"
    else:
        less = tr("a new seed alone moves it by {noise}. More trials are not worth it.", noise=format_number(noise, 2))
        yield f"{text}; {less}"


def gain_text(count: int, gain: Gain, measure: Measure) -> str:
    """Return ``30 more trials would gain about 0.002 ± 0.003 in validation loss``."""
    return tr(
        "{count} more trials would gain about {mean} ± {deviation} in {metric}",
        count=count,
        metric=measure.phrase,
        mean=format_number(gain.mean, 2),
        deviation=format_number(gain.deviation, 2),
    )


def _edges(result: SweepResult) -> Iterator[str]:
    """Yield the parameters whose best value lies at an end of the range, with the command that widens it."""
    leading = result.ranked()[:LEADING]
    winner = next((t for t in leading if result.best is not None and t.number == result.best.trial), None)
    if winner is None:
        return
    for name, value in winner.params.items():
        domain = result.space.get(name)
        wider = None if domain is None or name in result.spec.fixed else _wider(domain, name, value, leading)
        if wider is not None:
            low, high = map(format_tick, wider)
            edge = tr("The best {name}, {value}, lies at the edge of its range", name=name, value=_shown(value))
            command = f"tunelab resume {result.name} --trials {2 * len(result.trials)} --widen {name}={low}:{high}"
            yield f"{edge}: {command}"


def _wider(domain: Mapping[str, Any], name: str, value: Any, leading: list[TrialRecord]) -> tuple[float, float] | None:
    """Return a range that reaches further where the winner and the leading trials lie; None where they lie inside."""
    bounds = domain.get("attributes", {})
    low, high, is_log = bounds.get("low"), bounds.get("high"), bool(bounds.get("log"))
    whole = domain.get("name") == "IntDistribution"
    if low is None or high is None or high <= low or (whole and high - low + 1 < WHOLE_NUMBERS):
        return None
    places = [_place(t.params[name], low, high, is_log) for t in leading if name in t.params]
    own, middle = _place(value, low, high, is_log), float(np.median(places))
    if own <= EDGE and middle <= NEAR and low not in (0, 1):  # 0 and 1 are ends by nature, of fractions and counts
        least = low * (low / high) ** SHARE_OF_LOG if is_log else low - SHARE_OF_LINEAR * (high - low)
        nature = -math.inf if low < 0 else 1.0 if whole else 0.0
        return float(max(nature, round(least) if whole else least)), float(high)
    if own >= 1 - EDGE and middle >= 1 - NEAR and high != 1:
        most = high * (high / low) ** SHARE_OF_LOG if is_log else high + SHARE_OF_LINEAR * (high - low)
        return float(low), float(round(most) if whole else most)
    return None


def _place(value: Any, low: float, high: float, is_log: bool) -> float:
    """Return where a value lies in its range, from 0 to 1."""
    if is_log:
        return math.log(value / low) / math.log(high / low)
    return float((value - low) / (high - low))


def _immaterial(result: SweepResult, importance: Mapping[str, float]) -> Iterator[str]:
    if len(result.ranked()) < MIN_TRIALS or len(importance) < 2:
        return
    trials = result.ranked()
    best = trials[0].params
    names = [
        name
        for name, share in importance.items()
        # a branch that the winner did not take says nothing of the next sweep, nor does one of a few trials
        if share < IMMATERIAL and name in best and sum(name in trial.params for trial in trials) >= MIN_TRIALS
        if name not in result.spec.fixed and not _decides_branch(name, trials)
    ]
    if names:
        held = " ".join(f"--set {name}={_shown(best[name])}" for name in names)
        text = tr(
            "{names} hardly mattered (less than {share} of the importance each)",
            names=_listed(names),
            share=as_percent(IMMATERIAL),
        )
        hold = tr("a next sweep can hold it") if len(names) == 1 else tr("a next sweep can hold them")
        yield f"{text}; {hold}: {held}"


def _decides_branch(name: str, trials: list[TrialRecord]) -> bool:
    """Return whether other parameters exist for some of a parameter's values alone: what it is worth is theirs."""
    having = [trial.params for trial in trials if name in trial.params]
    for other in {key for params in having for key in params} - {name}:
        with_it = {params[name] for params in having if other in params}
        without = {params[name] for params in having if other not in params}
        if with_it and without and not with_it & without:
            return True
    return False


def _scheduler(result: SweepResult) -> Iterator[str]:
    spec, ranked = result.spec, result.ranked()
    if spec.scheduler == "none":
        return
    levels = rung_levels(spec.grace_period, spec.reduction_factor, spec.max_epochs)
    if len(ranked) >= MIN_RANKED and not any(t.status is TrialStatus.STOPPED for t in result.trials):
        why = tr("all trials passed all rungs") if levels else tr("no rung lies below the last epoch")
        if levels and all(t.last_epoch < levels[0] for t in ranked):
            why = tr("all trials ended by themselves before epoch {epoch}", epoch=levels[0])
        yield tr(
            "The scheduler stopped no trial: {why}. A shorter --grace-period than {epochs} saves epochs.",
            why=why,
            epochs=spec.grace_period,
        )
    audit = result.audit
    if audit is not None and audit.rank_correlation is not None and audit.rank_correlation < AGREEMENT:
        longer = min(audit.level * spec.reduction_factor, spec.max_epochs)
        yield tr(
            "The grace period of {level} epochs is too short: ranks there and at the end have a correlation of "
            "{correlation}. Give --grace-period {longer}; `tunelab whatif {name} --grace-period {longer}` tells "
            "what that costs.",
            level=audit.level,
            correlation=format_number(audit.rank_correlation, 2),
            longer=longer,
            name=result.name,
        )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}{tr(' and ')}{names[-1]}"


def _shown(value: Any) -> str:
    return format_tick(value) if isinstance(value, float) else str(label_of(value))
