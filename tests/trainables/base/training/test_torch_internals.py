"""The fused updates: what torch's own optimizer does, with and without its private part."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
import torch

from trainables.base.training.torch_internals import PARTS, SEEN_WITH, SWITCH, FlatAdamW, FusedAdamW, ParameterGroup


def test_the_parts_are_there_in_the_version_they_were_seen_with() -> None:
    assert version("torch").partition("+")[0] == SEEN_WITH, "try the parts with this version, then note it"
    assert [str(part) for part in PARTS if not part.is_there()] == []


@pytest.mark.parametrize("switch", ["1", "0"])
def test_the_updates_are_those_of_torch(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, switch)
    source = torch.Generator().manual_seed(3)
    parameters = [torch.nn.Parameter(torch.randn(*shape, generator=source)) for shape in ((8, 8), (8,), (3,))]
    expected = [torch.nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    groups = [{"params": expected[:2], "weight_decay": 0.1}, {"params": expected[2:], "weight_decay": 0.0, "lr": 0.005}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.5, 0.99), fused=True)
    ours = FusedAdamW([ParameterGroup(parameters[:2], 0.1), ParameterGroup(parameters[2:], share=0.5)], (0.5, 0.99))
    for step in range(5):
        ours.zero_grad()
        optimizer.zero_grad()
        for number, (own, other) in enumerate(zip(parameters, expected, strict=True)):
            if number != step % 3:  # one has no gradient, as where a network leaves a part out
                own.grad = torch.randn(own.shape, generator=source)
                other.grad = own.grad.clone()
        ours.step(0.01)
        optimizer.step()
    assert all(torch.equal(own, other) for own, other in zip(parameters, expected, strict=True))


@pytest.mark.parametrize("switch", ["1", "0"])
def test_the_update_of_a_flat_parameter_is_that_of_torch(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, switch)
    source = torch.Generator().manual_seed(3)
    flat, gradient = torch.randn(64, generator=source), torch.zeros(64)
    expected = torch.nn.Parameter(flat.clone())
    optimizer = torch.optim.AdamW([expected], lr=0.01, weight_decay=0.1, fused=True)
    ours = FlatAdamW(flat, gradient)
    for _ in range(5):
        gradient.copy_(torch.randn(64, generator=source))
        expected.grad = gradient.clone()
        ours.step(0.01, 0.1)
        optimizer.step()
    assert torch.equal(flat, expected.detach())


FIT = """
import sys
import torch
from trainables.base.training.torch_internals import FusedAdamW, ParameterGroup

parameter = torch.nn.Parameter(torch.ones(3))
optimizer = FusedAdamW([ParameterGroup([parameter])])
parameter.square().sum().backward()
optimizer.step(0.1)
assert parameter[0] < 1
print("torch._dynamo" in sys.modules)
"""


def test_torchs_compiler_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
