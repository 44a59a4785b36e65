"""Every private part of Ray that tunelab uses, and the two switches that do without them.

``TUNELAB_RAY_PATCHES=0``: a local Ray starts as Ray itself does. ``TUNELAB_FORKS=0``: each worker loads torch by
itself; forks need the patches, so that without these there are none either. Results are the same in all cases.
"""

from __future__ import annotations

from typing import Any

from trainables.base.contract.private_parts import PrivatePart, is_switched_on

PATCHES_SWITCH = "TUNELAB_RAY_PATCHES"
FORKS_SWITCH = "TUNELAB_FORKS"
SEEN_WITH = "2.60.0"  # the version of Ray with which the parts were last tried

_EXPOSED = "A local Ray listens on all of this machine's addresses, with its token authentication on."
_SLOW = "A local Ray takes some seconds longer to start; everything else is as it was."
_SIGNAL = "A SIGTERM that comes while Ray starts may be lost."
_NO_FORKS = "Each worker loads torch by itself: three seconds and 300 MB for each trial at once."
_NEW_WORKERS = "Sweeps start new workers instead of those that wait; everything else is as it was."
_LINES = "Ray's notes about dead workers appear on stderr."
AGENTS = ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT")  # whose ports Ray waits for
PARTS = (
    PrivatePart("ray._private.auto_init_hook", "enable_auto_connect", "After its death, a second Ray may be started."),
    PrivatePart("ray._private.services", "get_node_ip_address", _EXPOSED),
    PrivatePart("ray.util", "get_node_ip_address", _EXPOSED),
    PrivatePart("ray._private.utils", "set_sigterm_handler", _SIGNAL),
    PrivatePart("ray._private.worker", "print_to_stdstream", _LINES),
    PrivatePart("ray.actor", "ActorClassID.from_random", _NO_FORKS),
    PrivatePart("ray", "ObjectRef.from_random", _NO_FORKS),
    PrivatePart("ray._private.services", "start_ray_process", _SLOW),
    PrivatePart("ray._private.node", "Node.start_monitor", _SLOW),
    PrivatePart("ray._private.node", "Node.start_log_monitor", _SLOW),
    PrivatePart("ray._private.node", "Node.start_api_server", _SLOW),
    PrivatePart("ray._raylet", "persist_port", _SLOW),
    *(PrivatePart("ray._raylet", f"{agent}_PORT_NAME", _SLOW) for agent in AGENTS),
    PrivatePart("ray.job_config", "JobConfig._serialize", "Workers import from the working directory first."),
    PrivatePart("ray.tune.execution.class_cache", "DEFAULT_ENV_VARS", _NEW_WORKERS),
    PrivatePart("ray.tune.execution.class_cache", "ENV_VARS_TO_PROPAGATE", _NEW_WORKERS),
)


def patches_on() -> bool:
    """Return whether Ray's private parts may be replaced."""
    return is_switched_on(PATCHES_SWITCH)


def forks_on() -> bool:
    """Return whether workers may be forks."""
    return patches_on() and is_switched_on(FORKS_SWITCH)


def forbid_restart(ray: Any) -> None:
    """Keep a call that is under way from starting another Ray after ours has died; without the patch one may start."""
    if patches_on():
        ray._private.auto_init_hook.enable_auto_connect = False
