"""Whether the engine may decode with a model, found out by trying: what it assumes holds for most, not for all.

Assumed: keys and values of a token depend on its position ids alone and may lie anywhere in a cache; attention looks
wherever the mask allows. Models with a state instead of a cache, or with positions counted in the cache, break it; so
do windows of attention shorter than a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.generation.decoding.engine import Engine, Job
from benchmarks.generation.decoding.log_probabilities import log_probabilities
from benchmarks.generation.plan.settings import DecodingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOLERANCE = 1e-2  # nats of four tokens: rounding gives about 1e-5, a key in the wrong place far more
NEW_TOKENS = 4
PROMPTS = ((3, 5, 7), (2,), (11, 3, 3, 5, 2, 13), (7, 2))  # of four lengths, for two rows


def reason_against(model: PreTrainedModel, longest: int) -> str | None:
    """Say why the engine cannot decode with a model; None where it can.

    Args:
        model: In evaluation mode.
        longest: Tokens of the longest text, prompt included.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    if isinstance(window, int) and window < longest:
        return f"its attention looks back {window:,} tokens at most, and texts have up to {longest:,}"
    try:
        difference = _difference(model)
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return f"it takes no cache of single rows ({type(error).__name__})"
    return None if difference < TOLERANCE else "its positions are not those of the engine's cache"


def _difference(model: PreTrainedModel) -> float:
    """Return how far the engine's log-probabilities are from those of whole texts, nats, at most."""
    settings = DecodingSettings(temperature=1.0, max_new_tokens=NEW_TOKENS)
    size = model.get_input_embeddings().num_embeddings
    jobs = [Job(tuple(i % size for i in ids), settings, seed) for seed, ids in enumerate(PROMPTS)]
    made = Engine(model, eos_id=-1, rows=2).generate(jobs)
    whole = log_probabilities(model, [(job.prompt, text.token_ids) for job, text in zip(jobs, made, strict=True)])
    return max(abs(text.log_probability - value) for text, value in zip(made, whole, strict=True))
