"""What ``--optimize`` searches for, checked before anything loads."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.generation.plan.spec import Plan
from search_spaces.errors import UserError

TRIALS = 48
# Metrics to be made small, each with the one that is paired by prompt and can be tested. Repetition and self-BLEU are
# none: alone, they are smallest for noise.
OBJECTIVES = {"human_distance": "human_gap", "scorer_distance": "scorer_gap"}
MIN_PROMPTS = 4


@dataclass(frozen=True)
class Goal:
    """What is searched for: the metric to be made small, and how many settings are tried."""

    objective: str
    trials: int = TRIALS


def check_goal(goal: Goal, plan: Plan) -> None:
    """Raise ``UserError`` when there is nothing to search for or too little to search on."""
    if goal.objective not in OBJECTIVES:
        raise UserError(
            f"'--optimize' takes {', '.join(OBJECTIVES)}, got '{goal.objective}'. A text is not better for repeating "
            f"less or surprising less; nearness to human text can be searched for."
        )
    if not 1 <= goal.trials <= 10_000:
        raise UserError(f"'--trials' must be 1 to 10,000, got {goal.trials}.")
    known = sum(prompt.reference is not None for prompt in plan.prompts)
    if known < MIN_PROMPTS:
        raise UserError(
            f"'{goal.objective}' needs at least {MIN_PROMPTS} prompts with a known human continuation, half of them "
            f"to confirm on; got {known}. Set 'held_out' in the benchmark file, or give prompts a 'reference'."
        )
