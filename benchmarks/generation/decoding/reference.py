"""transformers' own ``generate``: with beams, and the loop over prompts that the engine is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from benchmarks.generation.decoding.engine import Continuation
from benchmarks.generation.decoding.log_probabilities import log_probabilities
from benchmarks.generation.plan.settings import DecodingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Ids = tuple[int, ...]


def generate_continuations(
    model: PreTrainedModel,
    prompts: Sequence[Ids],
    settings: DecodingSettings,
    eos_id: int,
    seeds: Sequence[int] | None = None,
) -> list[Continuation]:
    """Return one continuation of each prompt through ``generate``, with its log-probability.

    Args:
        model: In evaluation mode.
        prompts: Token ids, at least one each.
        settings: Every parameter is handed over, none left to a default.
        eos_id: Ends a text.
        seeds: Of each continuation, for settings that draw: each is made alone, because ``generate`` draws for all
            rows of a batch from one generator. None where nothing is drawn.
    """
    if seeds is None:
        made = generate_tokens(model, prompts, settings, eos_id)
    else:
        made = []
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            for prompt, seed in zip(prompts, seeds, strict=True):
                torch.manual_seed(seed)
                made += generate_tokens(model, [prompt], settings, eos_id)
    tails = [_until_end(row, eos_id) for row in made]
    log_p = log_probabilities(model, [(p, ids) for p, (ids, _) in zip(prompts, tails, strict=True)])
    return [Continuation(ids, ended, value) for (ids, ended), value in zip(tails, log_p, strict=True)]


@torch.inference_mode()
def generate_tokens(
    model: PreTrainedModel,
    prompts: Sequence[Ids],
    settings: DecodingSettings,
    eos_id: int,
    *,
    fixed_length: bool = False,
) -> list[list[int]]:
    """Return the new tokens of each prompt, end token and padding after it included.

    Prompts of equal length go together: padding would count as seen tokens for the repetition penalty.

    Args:
        model: in evaluation mode.
        prompts: token ids, at least one each.
        settings: every parameter is handed over, none left to a default.
        eos_id: ends a text.
        fixed_length: make ``max_new_tokens`` tokens, whatever they are (for measuring speed).
    """
    made: dict[int, list[int]] = {}
    for width in sorted(set(map(len, prompts))):
        group = [i for i, prompt in enumerate(prompts) if len(prompt) == width]
        ids = torch.tensor([prompts[i] for i in group], device=model.device)
        output = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pad_token_id=eos_id,
            eos_token_id=eos_id,
            min_new_tokens=settings.max_new_tokens if fixed_length else None,
            **settings.generate_arguments(),
        )
        made.update(zip(group, output[:, width:].tolist(), strict=True))
    return [made[i] for i in range(len(prompts))]


def _until_end(tokens: list[int], eos_id: int) -> tuple[Ids, bool]:
    """Return the tokens before the first end token, and whether there is one."""
    if eos_id in tokens:
        return tuple(tokens[: tokens.index(eos_id)]), True
    return tuple(tokens), False
