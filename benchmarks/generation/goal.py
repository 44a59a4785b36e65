"""What ``--optimize`` searches for, checked before anything loads."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.generation.spec import Plan
from search_spaces.errors import UserError, unknown

TRIALS = 48
OBJECTIVES = ("human_distance", "scorer_distance", "self_bleu", "seq_rep_4")  # metrics to be made small
NEEDS_HUMAN = ("human_distance", "scorer_distance")


@dataclass(frozen=True)
class Goal:
    """What is searched for: the metric to be made small, and how many settings are tried."""

    objective: str
    trials: int = TRIALS


def check_goal(goal: Goal, plan: Plan) -> None:
    """Raises ``UserError`` when there is nothing to search for or too little to search on."""
    if goal.objective not in OBJECTIVES:
        raise unknown("objective", goal.objective, OBJECTIVES)
    if goal.trials < 1:
        raise UserError(f"'--trials' must be 1 or more, got {goal.trials}.")
    if len(plan.prompts) < 4:
        raise UserError(f"Tuning halves the prompts and needs at least 4 of them, got {len(plan.prompts)}.")
    known = sum(prompt.reference is not None for prompt in plan.prompts)
    if goal.objective in NEEDS_HUMAN and known < 4:
        raise UserError(
            f"'{goal.objective}' needs at least 4 prompts with a known human continuation, got {known}. "
            f"Set 'held_out' in the benchmark file, or tune another objective."
        )
