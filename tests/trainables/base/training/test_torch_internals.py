"""The fused update: what torch's own optimizer does, with and without its private part."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch

from trainables.base.training.torch_internals import PARTS, SEEN_WITH, SWITCH, FusedAdamW


def test_the_parts_are_there_in_the_version_they_were_seen_with() -> None:
    assert version("torch").partition("+")[0] == SEEN_WITH, "try the parts with this version, then note it"
    assert [str(part) for part in PARTS if not part.is_there()] == []


@pytest.mark.parametrize("switch", ["1", "0"])
def test_the_update_is_that_of_torch(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, switch)
    source = torch.Generator().manual_seed(3)
    flat, gradient = torch.randn(64, generator=source), torch.zeros(64)
    expected = torch.nn.Parameter(flat.clone())
    optimizer = torch.optim.AdamW([expected], lr=0.01, weight_decay=0.1, fused=True)
    ours = FusedAdamW(flat, gradient)
    for _ in range(5):
        gradient.copy_(torch.randn(64, generator=source))
        expected.grad = gradient.clone()
        ours.step(0.01, 0.1)
        optimizer.step()
    assert torch.equal(flat, expected.detach())
