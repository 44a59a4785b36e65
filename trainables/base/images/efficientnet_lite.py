"""EfficientNet-Lite0 in the layout of the weights that are published for PyTorch.

EfficientNet (Tan and Le 2019) without squeeze and excitation and with ReLU6, so that it runs fast on small machines.
Names of the parts are those of the published weights, which begin with an underscore.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM, HEAD, CLASSES = 32, 1280, 1000
# (blocks, kernel, stride of the first, expansion, channels) of each stage
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalisation
DROPOUT = 0.2


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": the output has the input's size over the stride, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        amounts: list[int] = []
        for size in (x.shape[-1], x.shape[-2]):  # of the last axis first, as F.pad takes them
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            amounts += [total // 2, total - total // 2]
        if any(amounts):
            x = F.pad(x, amounts)
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class InvertedResidual(nn.Module):
    """Widens, filters each channel, narrows; the input is added where the sizes are equal (Sandler et al. 2018)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = before * expansion
        self._widens, self._adds = expansion > 1, stride == 1 and before == after
        if self._widens:
            self._expand_conv = SameConvolution(before, inside, 1, bias=False)
            self._bn0 = _norm(inside)
        self._depthwise_conv = SameConvolution(inside, inside, kernel, stride=stride, groups=inside, bias=False)
        self._bn1 = _norm(inside)
        self._project_conv = SameConvolution(inside, after, 1, bias=False)
        self._bn2 = _norm(after)

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu6(self._bn0(self._expand_conv(x))) if self._widens else x
        inside = F.relu6(self._bn1(self._depthwise_conv(inside)))
        outputs: Tensor = self._bn2(self._project_conv(inside))
        return outputs + x if self._adds else outputs


class EfficientNetLite0(nn.Module):
    """The smallest EfficientNet-Lite: pictures (rows, 3, height, width), scaled to -1 to 1, to 1,000 logits."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, STEM, 3, stride=2, bias=False)
        self._bn0 = _norm(STEM)
        blocks: list[nn.Module] = []
        before = STEM
        for count, kernel, stride, expansion, after in STAGES:
            for number in range(count):
                blocks.append(InvertedResidual(before, after, kernel, 1 if number else stride, expansion))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConvolution(before, HEAD, 1, bias=False)
        self._bn1 = _norm(HEAD)
        self._dropout = nn.Dropout(DROPOUT)
        self._fc = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        features = torch.mean(F.relu6(self._bn1(self._conv_head(x))), dim=(2, 3))
        logits: Tensor = self._fc(self._dropout(features))
        return logits


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)
