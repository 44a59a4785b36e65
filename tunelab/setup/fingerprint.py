"""What makes a sweep the one it is: noted in its journal at the start, and compared when it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces import SearchSpace, UserError
from tunelab.records.spec import SweepSpec, public_spec
from tunelab.system.hashing import file_digest

FIXED_FOR_GOOD = (
    *("task", "task_options", "space", "seed", "split_seed", "max_epochs", "grace_period", "reduction_factor"),
    *("scheduler", "sampler", "set", "deterministic", "warm_start", "bf16", "compile"),
)


def identity(spec: SweepSpec, digest: str, space: SearchSpace) -> dict[str, Any]:
    """What a sweep notes of itself, JSON values: the spec without secrets, digests of data and task file, the space."""
    return {
        "spec": public_spec(spec).to_json(),
        "digest": digest,
        "task_file": file_digest(spec.task),
        "space": space.describe(),
    }


def check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ``UserError`` with the differences when a sweep of this name was another one.

    Args:
        before, now: what ``identity`` gave.
    """
    changed = differences(before, now)
    if changed:
        name = now["spec"]["name"]
        raise UserError(
            f"A sweep named '{name}' exists and was another one: {'; '.join(changed)}. Give another --name, or the "
            f"old settings to go on with it; `tunelab resume {name} --new-space` starts a new one that learns from it."
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between two identities, a phrase each."""
    changed = [
        f"{key} was {before['spec'].get(key)!r}, is {now['spec'].get(key)!r}"
        for key in FIXED_FOR_GOOD
        if before["spec"].get(key) != now["spec"].get(key)
    ]
    if before["digest"] != now["digest"]:
        changed.append(f"the data's digest was {before['digest'][:12]}, is {now['digest'][:12]}")
    if before["task_file"] != now["task_file"]:
        changed.append(f"the task's file '{now['spec']['task']}' is not what it was")
    for name in sorted({*before["space"], *now["space"]}):
        old, new = before["space"].get(name), now["space"].get(name)
        if old != new:
            changed.append(f"hyperparameter {name} was {_domain(old)}, is {_domain(new)}")
    return changed


def _domain(description: Any) -> str:
    return "not there" if description is None else str(description.get("attributes", description))
