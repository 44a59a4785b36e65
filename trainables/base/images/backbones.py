"""Pretrained networks as feature extractors: which architecture weights belong to, and how it reads pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from search_spaces.errors import UserError
from trainables.base.images.efficientnet_lite import EfficientNetLite0
from trainables.base.images.weights_file import read_state_dict
from trainables.base.training.restoring import without_weights

LITE = "efficientnet_lite0"
LITE_MEAN, LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3  # of shares of 255: pixels become -1 to 1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, as torchvision's weights expect them
# a tensor that tells a group of torchvision's architectures, and how their names begin
GROUPS = {
    "layer1.0.conv1.weight": ("resnet", "resnext", "wide_resnet"),
    "features.conv0.weight": ("densenet",),
    "conv1.0.weight": ("shufflenet",),
    "layers.0.weight": ("mnasnet",),
    "features.0.0.weight": ("mobilenet", "efficientnet", "convnext"),
}
KNOWN = f"{LITE}, and of torchvision {', '.join(name for names in GROUPS.values() for name in names)}"


@dataclass(frozen=True)
class Backbone:
    """A pretrained network without its last layer.

    Attributes:
        architecture: ``"efficientnet_lite0"`` or torchvision's name, e.g. ``"resnet18"``.
        weights: State dict without the last layer.
    """

    architecture: str
    weights: Mapping[str, Tensor]


def find_backbone(weights: str) -> Backbone:
    """Read pretrained weights and recognise their architecture.

    Args:
        weights: A file, or the name of a torchvision architecture, whose weights are taken from its cache or, as the
            user asked for it by name, fetched.

    Raises:
        UserError: There is no such file or name, it cannot be read or fetched, or its architecture is not known.
    """
    path = Path(weights).expanduser()
    if not path.exists() and weights in _torchvision_names():
        return recognise(_fetched(weights), weights)
    if not path.is_file():
        raise UserError(
            f"--weights '{weights}' is not a file. Give a file of weights, or the name of a torchvision "
            "architecture such as resnet18, whose weights are then fetched."
        )
    return recognise(read_state_dict(path), weights)


def recognise(state: Mapping[str, Tensor], source: str) -> Backbone:
    """Find the architecture whose tensors have the names and shapes of a state dict, the last layer left out.

    Args:
        state: Tensors by name.
        source: Where they come from, for the error.

    Raises:
        UserError: There is none; the sentence names the closest one and a tensor that does not fit.
    """
    closest, misfit, fewest = "", "", len(state)
    for name in _candidates(state):
        head, expected = _shapes(name)
        given = {key: value for key, value in state.items() if not _is_in(key, head)}
        wrong = [key for key in {**expected, **given} if key not in given or expected.get(key) != given[key].shape]
        if not wrong:
            return Backbone(name, given)
        if len(wrong) < fewest:
            closest, misfit, fewest = name, wrong[0], len(wrong)
    hint = f" Closest is {closest}, which '{misfit}' does not fit." if closest else ""
    raise UserError(f"--weights '{source}' are of no architecture that is known here.{hint} Known are {KNOWN}.")


@cache
def _shapes(name: str) -> tuple[str, Mapping[str, torch.Size]]:
    """Return an architecture's last layer, and the shapes of its tensors without that one's; once a process."""
    with without_weights():
        network = _build(name)
    head = _last_linear(network)
    return head, {key: value.shape for key, value in network.state_dict().items() if not _is_in(key, head)}


def build_backbone(architecture: str) -> tuple[nn.Module, int]:
    """Build a network whose last layer is gone, and return the number of features that it gives.

    Args:
        architecture: As ``Backbone`` names it.

    Raises:
        UserError: There is no such architecture.
    """
    if architecture != LITE and architecture not in _torchvision_names():
        raise UserError(f"The model's architecture '{architecture}' is not known here. Known are {KNOWN}.")
    network = _build(architecture)
    head = _last_linear(network)
    layer = network.get_submodule(head)
    assert isinstance(layer, nn.Linear)
    network.set_submodule(head, nn.Identity())
    return network, layer.in_features


def colour_scale(architecture: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation by which an architecture's weights expect colours, as shares of 255."""
    return (LITE_MEAN, LITE_STD) if architecture == LITE else (MEAN, STD)


def _build(name: str) -> nn.Module:
    if name == LITE:
        return EfficientNetLite0()
    from torchvision import models  # loads when weights are given

    network: nn.Module = models.get_model(name, weights=None)
    return network


def _candidates(state: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield the architectures that a state dict may belong to, by a tensor that tells their group."""
    if "_conv_stem.weight" in state:
        yield LITE
    for tensor, beginnings in GROUPS.items():
        if tensor in state:
            yield from (name for name in _torchvision_names() if name.startswith(beginnings))


def _torchvision_names() -> list[str]:
    from torchvision import models

    known = tuple(name for names in GROUPS.values() for name in names)
    return [name for name in models.list_models(module=models) if name.startswith(known)]


def _fetched(name: str) -> dict[str, Tensor]:
    from torchvision import models

    try:
        network = models.get_model(name, weights="DEFAULT", progress=False)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"--weights {name}: torchvision's weights are not on this machine and cannot be fetched "
            f"({type(error).__name__}). Give a file of weights instead."
        ) from error
    state: dict[str, Tensor] = network.state_dict()
    return state


def _last_linear(network: nn.Module) -> str:
    names: list[str] = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    return names[-1]


def _is_in(key: str, part: str) -> bool:
    return key.rpartition(".")[0] == part
