"""What makes a sweep the one it is: noted in its journal at the start, and compared when it continues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search_spaces import SearchSpace, UserError
from search_spaces.changes import change_space
from tunelab.records.spec import SweepSpec, public_spec
from tunelab.search.events import SweepIdentity
from tunelab.search.sampling.samplers import sampler_digest
from tunelab.system.hashing import python_file_digest

FIXED_FOR_GOOD = (
    *("task", "task_options", "space", "seed", "split_seed", "max_epochs", "grace_period", "reduction_factor"),
    *("scheduler", "sampler", "set", "deterministic", "warm_start", "bf16", "compile"),
)


def identity(spec: SweepSpec, digest: str, space: SearchSpace) -> SweepIdentity:
    """Return what a sweep notes of itself.

    Args:
        spec: With its defaults filled in.
        digest: Of the data.
        space: What is searched.
    """
    task_file, sampler_file = python_file_digest(spec.task), sampler_digest(spec.sampler)
    return SweepIdentity(public_spec(spec).to_json(), digest, task_file, space.describe(), sampler_file)


def check_continues(sessions: Sequence[SweepIdentity], spec: SweepSpec, digest: str, own_space: SearchSpace) -> None:
    """Check that a sweep continues the one of its name.

    Args:
        sessions: What earlier sessions noted of themselves in its journal, at least one.
        spec: With its defaults filled in.
        digest: Of the data.
        own_space: The space without changes.

    Raises:
        UserError: It is another sweep, or takes back a change of the space; the message says in what they differ.
    """
    first, last = sessions[0], sessions[-1]
    _check_changes(last, spec)
    _check_same(first, identity(spec, digest, _space_of_session(first, own_space)))


def _check_same(before: SweepIdentity, now: SweepIdentity) -> None:
    changed = differences(before, now)
    if changed:
        name = now.spec["name"]
        raise UserError(
            f"A sweep named '{name}' exists and was another one: {'; '.join(changed)}. Give another --name, or the "
            f"old settings to continue it; `tunelab resume {name} --new-space` starts a new one that learns from it."
        )


def _space_of_session(session: SweepIdentity, space: SearchSpace) -> SearchSpace:
    """Return the space that a session searched, from the one without changes."""
    ranges = {name: (low, high) for name, (low, high) in (session.spec.get("widen") or {}).items()}
    return change_space(space, ranges, session.spec.get("drop") or {})


def _check_changes(before: SweepIdentity, spec: SweepSpec) -> None:
    """Check that a sweep keeps the ranges that were widened and the choices that were dropped."""
    kept = spec.to_json()
    for option in ("widen", "drop"):
        for name, values in (before.spec.get(option) or {}).items():
            now = kept[option].get(name, [])
            wider = option == "widen" and now and now[0] <= values[0] and now[1] >= values[1]
            if not wider and not (option == "drop" and {*values} <= {*now}):
                raise UserError(
                    f"Sweep '{spec.name}' was continued with --{option} for {name}, which is missing now: continue it "
                    f"with `tunelab resume {spec.name}`, or give another --name."
                )


def differences(before: SweepIdentity, now: SweepIdentity) -> list[str]:
    """Return what changed between two identities, a phrase each."""
    changed = [
        f"{key} was {before.spec.get(key)!r}, is {now.spec.get(key)!r}"
        for key in FIXED_FOR_GOOD
        if before.spec.get(key) != now.spec.get(key)
    ]
    if before.digest != now.digest:
        changed.append(f"the data's digest was {before.digest[:12]}, is {now.digest[:12]}")
    if before.task_file != now.task_file:
        changed.append(f"the task's file '{now.spec['task']}' has changed")
    if before.sampler_file != now.sampler_file:
        changed.append(f"the sampler's file '{now.spec['sampler']}' has changed")
    for name in sorted({*before.space, *now.space}):
        old, new = before.space.get(name), now.space.get(name)
        if old != new:
            changed.append(f"hyperparameter {name} was {_domain(old)}, is {_domain(new)}")
    return changed


def _domain(description: Any) -> str:
    return "not there" if description is None else str(description.get("attributes", description))
