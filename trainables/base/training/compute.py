"""How a trial computes: device, threads and number format. With config, seed and data this fixes its curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar, cast

Network = TypeVar("Network", bound=Callable[..., Any])


@dataclass(frozen=True)
class Compute:
    """Device and arithmetic of a trial.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` (cuda where there is one).
        threads: Number of CPU threads of torch.
        bf16: True if matrix products use bfloat16 (``torch.autocast``); weights stay float32.
        compiled: True if networks go through ``torch.compile``.
    """

    device: str = "cpu"
    threads: int = 1
    bf16: bool = False
    compiled: bool = False

    @classmethod
    def from_worker(cls, worker: Mapping[str, Any]) -> Compute:
        """Read the configuration that a trial's record notes for its worker."""
        return cls(
            device=str(worker.get("device", "cpu")),
            threads=int(worker.get("threads", 1)),
            bf16=bool(worker.get("bf16", False)),
            compiled=bool(worker.get("compiled", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``from_worker`` reads them back."""
        return asdict(self)

    @property
    def plain(self) -> bool:
        """True if this is torch's ordinary arithmetic, which the fused training loop can do as well."""
        return not (self.bf16 or self.compiled)

    def settled(self) -> Compute:
        """Return the same configuration with ``"auto"`` decided."""
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return replace(self, device=device) if self.device == "auto" else self

    def here(self) -> Compute:
        """Return the same configuration, on the CPU where this machine has no GPU (workers may have one)."""
        import torch

        return self if torch.cuda.is_available() else replace(self, device="cpu")

    @contextmanager
    def active(self) -> Iterator[None]:
        """Apply this configuration (threads, autocast) inside the block; restore the previous one on exit."""
        import torch

        token = _active.set(self)
        try:
            with cpu_threads(self.threads), ExitStack() as arithmetic:
                if self.bf16:
                    # the cache of cast weights would outlive the optimizer's steps
                    kind = torch.device(self.device).type
                    arithmetic.enter_context(torch.autocast(kind, torch.bfloat16, cache_enabled=False))
                yield
        finally:
            _active.reset(token)


_active: ContextVar[Compute | None] = ContextVar("compute", default=None)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Let torch use this many CPU threads inside the block; restore the previous number on exit.

    The number belongs to the process: whatever runs after the block must not depend on what ran in it.

    Args:
        count: Number of threads, at least 1.
    """
    import torch

    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def active() -> Compute:
    """Return the configuration that is active now; ordinary arithmetic when none is."""
    return _active.get() or Compute()


def compiled(network: Network) -> Network:
    """Return a network, or a method of one, as training calls it: compiled where the active ``Compute`` says so."""
    if not active().compiled:
        return network
    import torch

    return cast(Network, torch.compile(network))
