"""A small generator of digits and its critic, convolutional as in Radford et al. 2016 (DCGAN)."""

from __future__ import annotations

from torch import Tensor, nn

from trainables.base.contract.task import Config

START = 7  # pixels along a side of the first feature map; two layers double it twice, to 28
SLOPE = 0.2  # of the critic's rectifiers below 0
INITIAL_STD = 0.02  # of weights


class Generator(nn.Module):
    """Noise (rows, latent_size) to pictures (rows, 1, 28, 28) from -1 to 1.

    Args:
        latent_size: Numbers that a picture is made from.
        channels: Of the last hidden feature map; the one before has twice as many.
    """

    def __init__(self, latent_size: int, channels: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        wide = 2 * channels
        self.start = nn.Sequential(
            nn.Linear(latent_size, wide * START**2, bias=False),
            nn.Unflatten(1, (wide, START, START)),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        )
        self.rest = nn.Sequential(
            nn.ConvTranspose2d(wide, channels, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1),
            nn.Tanh(),
        )
        _initialise(self)

    def forward(self, noise: Tensor) -> Tensor:
        pictures: Tensor = self.rest(self.start(noise))
        return pictures


class Critic(nn.Module):
    """Pictures (rows, 1, 28, 28) to one logit each, above 0 for real ones.

    Args:
        channels: Of the first feature map; the second has twice as many.
        dropout: After each feature map.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Dropout2d(dropout),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Dropout2d(dropout),
            nn.Flatten(),
            nn.Linear(2 * channels * START**2, 1),
        )
        _initialise(self)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layers(pictures).squeeze(1)
        return logits


def build_generator(config: Config) -> Generator:
    """Build the generator of a configuration."""
    return Generator(int(config["latent_size"]), int(config["channels"]))


def _initialise(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=INITIAL_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
