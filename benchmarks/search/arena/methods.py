"""Methods of the arena by name: a sampler with a scheduler, or a whole search of another library."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.searcher import SampledSearcher, Searcher
from benchmarks.search.spec import parse_method
from search_spaces import UserError, unknown

# Whole searches, a candidate of our own first: ``module:function`` of ``(name, task, seed) -> Searcher``, with the
# package that it needs.
SYNE_TUNE = ("benchmarks.search.arena.peers.syne_tune:SyneTuneSearcher", "syne-tune")
SMAC = ("benchmarks.search.arena.peers.smac:make_smac", "smac")
NEPS = ("benchmarks.search.arena.peers.neps:make_neps", "neural-pipeline-search")
PEERS: dict[str, tuple[str, str]] = {
    "CurveSearch": ("benchmarks.search.candidates.searcher:CurveSearcher", "numpy"),
    "SyneTune-ASHA": SYNE_TUNE,
    "SyneTune-CQR": SYNE_TUNE,
    "SyneTune-BOHB": SYNE_TUNE,
    "SMAC3-Hyperband": SMAC,
    "NePS-ASHA": NEPS,
    "NePS-Hyperband": NEPS,
    "NePS-PriorBand": NEPS,
}


def make_searcher(name: str, task: CurveTask, seed: int) -> Searcher:
    """Return a method's search of a task.

    Args:
        name: ``SAMPLER+SCHEDULER``, or one of ``PEERS``.
        task: what is searched; its length of a trial holds.
        seed: of everything random.

    Raises:
        UserError: the name is unknown, or needs a package that is not installed.
    """
    if "+" in name:
        return SampledSearcher(parse_method(name), task.space, task.length, seed)
    if name not in PEERS:
        raise unknown("method", name, PEERS)
    place, package = PEERS[name]
    module, _, function = place.partition(":")
    try:
        make: Callable[[str, CurveTask, int], Searcher] = getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise UserError(f"Method '{name}' needs {package}, which is not installed: {error}.") from error
    return make(name, task, seed)
