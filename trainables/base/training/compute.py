"""How a trial's arithmetic is done; with config, seed and data it fixes a trial's curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar, cast

Network = TypeVar("Network", bound=Callable[..., Any])


@dataclass(frozen=True)
class Compute:
    """What a trial computes on, and how.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, or ``"auto"``: cuda where there is one.
        threads: CPU threads of torch.
        bf16: whether matrix products are done in bfloat16 (``torch.autocast``); weights stay float32.
        compiled: whether networks go through ``torch.compile``.
    """

    device: str = "cpu"
    threads: int = 1
    bf16: bool = False
    compiled: bool = False

    @classmethod
    def of_worker(cls, worker: Mapping[str, Any]) -> Compute:
        """What a trial's record says of it."""
        return cls(
            device=str(worker.get("device", "cpu")),
            threads=int(worker.get("threads", 1)),
            bf16=bool(worker.get("bf16", False)),
            compiled=bool(worker.get("compiled", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``of_worker`` reads them back."""
        return asdict(self)

    @property
    def plain(self) -> bool:
        """Whether it is torch's ordinary arithmetic, which code written out by hand can do as well."""
        return not (self.bf16 or self.compiled)

    def settled(self) -> Compute:
        """The same with ``"auto"`` decided."""
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return replace(self, device=device) if self.device == "auto" else self

    def here(self) -> Compute:
        """The same on the CPU where this machine has no GPU: workers may have had one that the driver lacks."""
        import torch

        return self if torch.cuda.is_available() else replace(self, device="cpu")

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, torch computes so."""
        import torch

        torch.set_num_threads(self.threads)
        token = _active.set(self)
        try:
            if self.bf16:
                # the cache of cast weights would outlive the optimizer's steps
                with torch.autocast(torch.device(self.device).type, torch.bfloat16, cache_enabled=False):
                    yield
            else:
                yield
        finally:
            _active.reset(token)


_active: ContextVar[Compute | None] = ContextVar("compute", default=None)


def active() -> Compute:
    """The one that is active; ordinary arithmetic when none is."""
    return _active.get() or Compute()


def compiled(network: Network) -> Network:
    """A network, or a method of one, as it is called in training: compiled where the active ``Compute`` says so."""
    if not active().compiled:
        return network
    import torch

    return cast(Network, torch.compile(network))
