"""Training a generator against a critic, judged once an epoch by the kernel distance to unseen digits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from search_spaces.errors import UserError
from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.images.generation.judge import bundled_judge, compare
from trainables.base.images.generation.networks import Critic, Generator, build_generator
from trainables.base.training.batches import Batches
from trainables.base.training.compute import compiled
from trainables.base.training.randomness import RandomState, seeded, stream_seed
from trainables.base.training.tensors import on_device
from trainables.base.training.torch_internals import FusedAdamW, ParameterGroup

LOSSES = ("logistic", "hinge")
BETA2 = 0.999  # of Adam
JUDGE_SEED = 20_261_129  # of the noise that every trial is judged with
SHEET = 30  # pictures of the sheet that is kept of each epoch
SHEETS = "sheets"  # their name among the weights
COLLAPSED_ENTROPY = math.log(3)  # nats: of as many classes as three equally frequent ones, or fewer
COLLAPSED_EPOCHS, WARM_UP = 3, 5  # in a row until a trial ends, and epochs in which a collapse does not count


class AdversarialTrainer:
    """Trains a generator against a critic, and keeps the running mean of the generator's weights.

    Args:
        config: What ``fit_generator`` takes.
        data: Digits.
        seed: Of the trial.
        device: Where torch computes.
    """

    def __init__(self, config: Config, data: TrainingData, seed: int, device: str) -> None:
        if config["loss"] not in LOSSES:
            raise UserError(f"'loss' must be one of {', '.join(LOSSES)}, got {config['loss']!r}.")
        with seeded(seed):
            generator = build_generator(config)
            critic = Critic(int(config["channels"]), float(config["critic_dropout"]))
        self._generator, self._critic = generator.to(device), critic.to(device)
        decay = 1 - 1 / int(config["averaged_steps"])
        self._average = AveragedModel(self._generator, avg_fn=partial(_mix, decay), use_buffers=True)
        self._generate, self._criticise = compiled(self._generator), compiled(self._critic)
        self._hinge, self._smoothing = config["loss"] == "hinge", float(config["smoothing"])
        self._batches = Batches(data, int(config["batch_size"]), seed, device)
        self._device = torch.device(device)
        self._latent = torch.Generator(device).manual_seed(stream_seed(seed, "latent"))
        self._dropout = RandomState(stream_seed(seed, "noise"), self._device)
        betas = float(config["beta1"]), BETA2
        of_generator = ParameterGroup(list(self._generator.parameters()))
        of_critic = ParameterGroup(list(self._critic.parameters()), share=float(config["critic_rate"]))
        self._lr = float(config["lr"])
        self._generator_optimizer = FusedAdamW([of_generator], betas)
        self._critic_optimizer = FusedAdamW([of_critic], betas)

    @property
    def generator(self) -> Generator:
        """The generator with the running mean of its weights, in evaluation mode."""
        averaged = self._average.module
        assert isinstance(averaged, Generator)
        return averaged.eval()

    def train_epoch(self) -> dict[str, float]:
        """Pass over the digits once; return the mean losses of both networks."""
        totals, rows = torch.zeros(2, device=self._device), 0
        self._generator.train()
        self._critic.train()
        with self._dropout:
            for real, _ in self._batches:
                if len(real) == 1 and rows:  # batch normalisation has no variance of one row
                    continue
                fake = self._generate(self._noise(len(real)))
                totals += torch.stack([self._step_critic(real, fake.detach()), self._step_generator(fake)]) * len(real)
                self._average.update_parameters(self._generator)
                rows += len(real)
        generator_loss, critic_loss = (totals / rows).flip(0).tolist()
        return {"train_loss": generator_loss, "critic_loss": critic_loss}

    def _noise(self, rows: int) -> Tensor:
        return torch.randn(rows, self._generator.latent_size, generator=self._latent, device=self._device)

    def _step_critic(self, real: Tensor, fake: Tensor) -> Tensor:
        real_logits, fake_logits = self._criticise(real), self._criticise(fake)
        if self._hinge:
            loss = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
        else:
            smooth = torch.full_like(real_logits, 1 - self._smoothing)
            loss = F.binary_cross_entropy_with_logits(real_logits, smooth) + F.softplus(fake_logits).mean()
        return self._step(loss, self._critic_optimizer)

    def _step_generator(self, fake: Tensor) -> Tensor:
        fake_logits = self._criticise(fake)
        loss = -fake_logits.mean() if self._hinge else F.softplus(-fake_logits).mean()
        return self._step(loss, self._generator_optimizer)

    def _step(self, loss: Tensor, optimizer: FusedAdamW) -> Tensor:
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step(self._lr)
        return loss.detach()


def fit_generator(
    config: Config, data: TrainingData, seed: int, *, max_epochs: int, device: str
) -> Iterator[EpochReport]:
    """Train a generator, one report an epoch.

    Args:
        config: ``latent_size``, ``channels``, ``loss`` (``"logistic"``: non-saturating, Goodfellow et al. 2014;
            ``"hinge"``: Lim and Ye 2017), ``lr`` of the generator, ``critic_rate`` (the critic's learning rate as a
            multiple of it), ``beta1`` of Adam, ``batch_size``, ``critic_dropout``, ``smoothing`` (of the real pictures'
            targets, Salimans et al. 2016), ``averaged_steps`` (about how many steps the kept weights average).
        data: ``x_train`` and ``features_val``, see ``trainables/mnist_gan.py``.
        seed: Fixes initial weights, order, noise and dropout.
        max_epochs: Number of epochs.
        device: Where torch computes.

    Yields:
        Reports whose ``val_loss`` is the kernel distance to the validation digits. It is NaN, and the trial diverged,
        when the samples have collapsed to few digits for several epochs. The weights hold, beside those of the
        generator, a sheet of samples of each epoch.
    """
    trainer = AdversarialTrainer(config, data, seed, device)
    real, judge = on_device(data, "features_val", "cpu"), bundled_judge(device)
    noise = fixed_noise(len(real), int(config["latent_size"])).to(device)
    sheets, collapsed = torch.zeros(max_epochs, SHEET, 28, 28, dtype=torch.uint8), 0
    for epoch in range(1, max_epochs + 1):
        losses = trainer.train_epoch()
        pictures = draw_pictures(trainer.generator, noise)
        found = compare(pictures, real, judge)
        sheets[epoch - 1] = to_pixels(pictures[:SHEET])
        collapsed = collapsed + 1 if found["class_entropy"] < COLLAPSED_ENTROPY and epoch > WARM_UP else 0
        distance = found.pop("kernel_distance")
        val_loss = math.nan if collapsed >= COLLAPSED_EPOCHS else distance
        weights = {**trainer.generator.state_dict(), SHEETS: sheets[:epoch]}
        yield EpochReport(epoch, val_loss, {**losses, **found, "distance": distance}, weights=weights)
        if not math.isfinite(val_loss):
            return


def fixed_noise(rows: int, latent_size: int, seed: int = JUDGE_SEED) -> Tensor:
    """Return noise (rows, latent_size) that depends on the seed alone."""
    return torch.randn(rows, latent_size, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def draw_pictures(generator: nn.Module, noise: Tensor, at_once: int = 256) -> Tensor:
    """Return pictures (rows, 1, 28, 28) from -1 to 1 of noise (rows, latent_size)."""
    return torch.cat([generator(part) for part in torch.split(noise, at_once)])


def to_pixels(pictures: Tensor) -> Tensor:
    """Convert pictures (rows, 1, 28, 28) from -1 to 1 to (rows, 28, 28) uint8 on the CPU."""
    return ((pictures[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def _mix(decay: float, averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
    """Return the running mean; it reaches back less far at first, so that the initial weights are soon forgotten."""
    kept = min(decay, (1 + float(steps)) / (10 + float(steps)))
    return averaged * kept + current * (1 - kept) if averaged.is_floating_point() else current
