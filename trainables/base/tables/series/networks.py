"""Networks that forecast all steps of the horizon at once from a window of the past: direct multi-horizon forecasts.

Each reads a window (rows, channels, length), of which the target is the first channel, and what is known of each
forecast moment (rows, horizon, n_future). The target is standardised by its own window before and scaled back after
(Kim et al. 2022, "Reversible Instance Normalization for Accurate Time-Series Forecasting against Distribution Shift",
without its learned scale), so that a level that moves away from that of training is not new territory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.base.contract.task import Config
from trainables.base.tables.series.baselines.naive import NOTHING, RELATIVE_TO
from trainables.base.tables.series.sequences import SequenceFacts
from trainables.base.training.attention import AttentionBlock

CODE = 8  # numbers that describe a step of the horizon before what is known of its moment joins them
MIN_SPREAD = 1e-2  # of a window, in standard deviations of the target: a constant window is not blown up
MIN_STEPS = 4
FORECASTERS = ("dlinear", "lstm", "tcn", "patchtst")  # values of ``family`` in a configuration


@dataclass(frozen=True)
class Reading:
    """How a network reads windows.

    Attributes:
        share: Of the window that is read.
        relative_to: The naive forecast whose error the network forecasts, see ``naive_map``; ``"nothing"`` for the
            difference to the mean of what is read.
    """

    share: float = 1.0
    relative_to: str = NOTHING


class Forecaster(nn.Module):
    """A network on the last steps of a window; subclasses map standardised windows to standardised forecasts.

    Args:
        facts: Of the data.
        reading: Of windows.
    """

    start: Tensor | None

    def __init__(self, facts: SequenceFacts, reading: Reading) -> None:
        super().__init__()
        self.steps = min(facts.length, max(MIN_STEPS, round(reading.share * facts.length)))
        start = None
        if reading.relative_to != NOTHING:
            start = torch.tensor(facts.start(reading.relative_to))
        self.register_buffer("start", start, persistent=False)  # no weight: it is computed

    def forward(self, past: Tensor, future: Tensor) -> Tensor:
        """Map windows and what is known of the moments to forecasts (rows, horizon), on the target's scale."""
        whole, past = past[:, 0], past[:, :, -self.steps :]
        centre = past[:, :1].mean(dim=2, keepdim=True)
        spread = past[:, :1].std(dim=2, keepdim=True, correction=0).clamp(min=MIN_SPREAD)
        standardised = torch.cat([(past[:, :1] - centre) / spread, past[:, 1:]], dim=1)
        start = centre[:, 0] if self.start is None else whole @ self.start
        return self.forecast(standardised, future) * spread[:, 0] + start

    @abstractmethod
    def forecast(self, past: Tensor, future: Tensor) -> Tensor:
        """Map standardised windows (rows, channels, steps) to standardised forecasts (rows, horizon)."""


class DLinear(Forecaster):
    """A moving average and the rest of a window, each mapped linearly to all steps (Zeng et al. 2023, "DLinear").

    What is known of a moment is added, linearly too.

    Args:
        facts: Of the data.
        reading: Of windows.
        smoothing: Steps of the moving average.
    """

    def __init__(self, facts: SequenceFacts, reading: Reading, smoothing: int) -> None:
        super().__init__(facts, reading)
        self.smoothing = min(smoothing, self.steps)
        inputs = facts.channels * self.steps
        self.trend, self.rest = nn.Linear(inputs, facts.horizon), nn.Linear(inputs, facts.horizon, bias=False)
        self.known = nn.Linear(facts.n_future, 1, bias=False) if facts.n_future else None
        for layer in (self.trend, self.rest, self.known):
            if layer is not None:
                nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.trend.bias)

    def forecast(self, past: Tensor, future: Tensor) -> Tensor:
        before = (self.smoothing - 1) // 2
        padded = F.pad(past, (before, self.smoothing - 1 - before), mode="replicate")
        trend = F.avg_pool1d(padded, self.smoothing, stride=1)
        found: Tensor = self.trend(trend.flatten(1)) + self.rest((past - trend).flatten(1))
        return found if self.known is None else found + self.known(future)[..., 0]


class Steps(nn.Module):
    """From the description of a window to a forecast of each step, joined by what is known of its moment.

    The last part is the temporal decoder of Das et al. 2023, "Long-term Forecasting with TiDE".

    Args:
        width: Of the description.
        facts: Of the data.
        dropout: Of the description.
    """

    def __init__(self, width: int, facts: SequenceFacts, dropout: float) -> None:
        super().__init__()
        self.horizon, self.dropout = facts.horizon, nn.Dropout(dropout)
        self.codes = nn.Linear(width, facts.horizon * CODE)
        self.joined, self.output = nn.Linear(CODE + facts.n_future, 4 * CODE), nn.Linear(4 * CODE, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, described: Tensor, future: Tensor) -> Tensor:
        """Map (rows, width) and (rows, horizon, n_future) to (rows, horizon)."""
        codes = self.codes(self.dropout(described)).view(len(described), self.horizon, CODE)
        hidden = F.relu(self.joined(torch.cat([codes, future], dim=2)))
        found: Tensor = self.output(hidden)[..., 0]
        return found


class LSTM(Forecaster):
    """An LSTM (Hochreiter and Schmidhuber 1997) that reads the window; its last state describes it.

    Args:
        facts: Of the data.
        reading: Of windows.
        width: Of the state.
        n_layers: On top of each other.
        dropout: Between layers and of the description.
    """

    def __init__(self, facts: SequenceFacts, reading: Reading, width: int, n_layers: int, dropout: float) -> None:
        super().__init__(facts, reading)
        between = dropout if n_layers > 1 else 0.0
        self.reader = nn.LSTM(facts.channels, width, n_layers, batch_first=True, dropout=between)
        self.head = Steps(width, facts, dropout)

    def forecast(self, past: Tensor, future: Tensor) -> Tensor:
        found: Tensor = self.head(self.reader(past.transpose(1, 2))[0][:, -1], future)
        return found


class CausalBlock(nn.Module):
    """Two dilated convolutions that see the past alone, with a shortcut (Bai et al. 2018).

    Args:
        inputs: Channels that come in.
        width: Channels that go out.
        dilation: Steps between the three that a convolution joins.
        dropout: After each convolution.
    """

    def __init__(self, inputs: int, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.before = 2 * dilation
        self.first = nn.Conv1d(inputs, width, 3, dilation=dilation)
        self.second = nn.Conv1d(width, width, 3, dilation=dilation)
        self.shortcut = nn.Conv1d(inputs, width, 1) if inputs != width else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, inputs, steps) to (rows, width, steps)."""
        hidden = x
        for convolution in (self.first, self.second):
            hidden = self.dropout(F.relu(convolution(F.pad(hidden, (self.before, 0)))))
        return F.relu(hidden + (x if self.shortcut is None else self.shortcut(x)))


class TCN(Forecaster):
    """Dilated causal convolutions; the last step's channels describe the window.

    Bai et al. 2018, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling".

    Args:
        facts: Of the data.
        reading: Of windows.
        width: Channels of a block.
        blocks: Each with twice the dilation of the one before.
        dropout: After each convolution and of the description.
    """

    def __init__(self, facts: SequenceFacts, reading: Reading, width: int, blocks: int, dropout: float) -> None:
        super().__init__(facts, reading)
        self.blocks = nn.Sequential(
            *(CausalBlock(width if i else facts.channels, width, 2**i, dropout) for i in range(blocks))
        )
        self.head = Steps(width, facts, dropout)

    def forecast(self, past: Tensor, future: Tensor) -> Tensor:
        found: Tensor = self.head(self.blocks(past)[:, :, -1], future)
        return found


class PatchTST(Forecaster):
    """A Transformer encoder on patches of the window, half of which overlap (Nie et al. 2023, "PatchTST").

    Unlike theirs, a patch holds all channels at once: only the target is forecast.

    Args:
        facts: Of the data.
        reading: Of windows.
        patch: Steps of a patch.
        width: Of a patch's vector, a multiple of ``heads``.
        heads: Of attention.
        n_layers: Number of blocks.
        dropout: Of embeddings, blocks and the description.
    """

    def __init__(
        self, facts: SequenceFacts, reading: Reading, patch: int, width: int, heads: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__(facts, reading)
        self.patch = min(patch, self.steps)
        self.stride = max(1, self.patch // 2)
        count = 1 + -(-(self.steps - self.patch) // self.stride)
        self.before = (count - 1) * self.stride + self.patch - self.steps  # repeated steps in front, to fill a patch
        self.embedding = nn.Linear(facts.channels * self.patch, width)
        self.position = nn.Parameter(torch.randn(count, width) * 0.02)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout) for _ in range(n_layers))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.described = nn.Linear(count * width, width)
        self.head = Steps(width, facts, dropout)

    def forecast(self, past: Tensor, future: Tensor) -> Tensor:
        padded = F.pad(past, (self.before, 0), mode="replicate") if self.before else past
        patches = padded.unfold(2, self.patch, self.stride).transpose(1, 2).flatten(2)
        state = self.dropout(self.embedding(patches) + self.position)
        for block in self.blocks:
            state = block(state)
        found: Tensor = self.head(F.gelu(self.described(self.norm(state).flatten(1))), future)
        return found


def build_forecaster(config: Config, facts: Mapping[str, Any]) -> Forecaster:
    """Build the network that a configuration describes; initial weights come from torch's global generator.

    Args:
        config: As ``search_spaces/series.py`` draws it.
        facts: Of the data, the fact ``sequence`` among them.
    """
    sequence, family = SequenceFacts.from_facts(facts), config["family"]
    reading = Reading(float(config["window"]), str(config.get(RELATIVE_TO, NOTHING)))
    if family == "dlinear":
        return DLinear(sequence, reading, int(config["smoothing"]))
    width, dropout = int(config["width"]), float(config["dropout"])
    if family == "lstm":
        return LSTM(sequence, reading, width, int(config["n_layers"]), dropout)
    if family == "tcn":
        return TCN(sequence, reading, width, int(config["blocks"]), dropout)
    layers, heads = int(config["n_layers"]), int(config["heads"])
    return PatchTST(sequence, reading, int(config["patch"]), width, heads, layers, dropout)
