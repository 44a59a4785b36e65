"""How much memory a fine-tuning takes, asked before it starts."""

from __future__ import annotations

import torch

from search_spaces.errors import UserError
from trainables.base.text.language_models.adaptation import Settings
from trainables.base.text.language_models.fine_tuning import MICRO_TOKENS
from trainables.base.text.language_models.model_shape import ModelShape
from trainables.base.training.machine_memory import available_memory

PROCESS = 0.7e9  # bytes of a Python process with torch and transformers, measured
CUDA_CONTEXT = 0.8e9  # bytes of kernels and workspaces on the GPU
ACTIVATION_BYTES = {"cpu": 132, "cuda": 68}  # per token, layer and channel: 34 in 16 bits with everything kept
# (Korthikanti et al. 2022, "Reducing activation recomputation", eq. 2), twice that in float32, and twice again for
# what an allocator keeps on a CPU: with it, the estimate meets three measured runs of 125M within 15 %
SCORE_BYTES = {"cpu": 20, "cuda": 10}  # per head and pair of tokens, eq. 2
ADAPTED_WIDTHS = 18  # inputs and outputs of a block's linear layers, in widths of the network
ADVICE = (
    "Run fewer trials at once, fix a smaller batch_size or block_length, freeze more blocks, or take a smaller --model."
)
LOGIT_BYTES = 16  # per token and vocabulary entry: logits, their float copy, softmax and gradient


def training_bytes(shape: ModelShape, parameters: int, settings: Settings, device: str) -> float:
    """Return bytes that one trial needs at its peak.

    Args:
        shape: of the model.
        parameters: of the model.
        settings: of the trial.
        device: ``"cpu"`` or ``"cuda"``.
    """
    kind = torch.device(device).type
    length = min(settings.block_length, shape.context)
    rows = min(settings.batch_size, max(1, MICRO_TOKENS[kind] // length))
    per_token = ACTIVATION_BYTES[kind] * shape.width + SCORE_BYTES[kind] * shape.heads * length
    activations = rows * length * shape.layers * per_token
    logits = rows * length * shape.vocabulary * LOGIT_BYTES
    trained = parameters * (1 - 0.5 * settings.frozen_blocks)
    if settings.adapters is not None:
        trained = settings.adapters.rank * shape.layers * ADAPTED_WIDTHS * shape.width
    # weight; gradient and Adam's two moments of what trains; autocast's 16-bit copy
    states = parameters * (4 + (2 if kind == "cuda" else 0)) + 12 * trained
    return float((CUDA_CONTEXT if kind == "cuda" else PROCESS) + states + activations + logits)


def free_bytes(device: str) -> float:
    """Return the memory that can still be used on a device, in bytes."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    return float(available_memory())


def require_memory(needed: float, device: str, what: str, advice: str = ADVICE) -> None:
    """Raise ``UserError`` with advice when ``needed`` bytes are not free."""
    free = free_bytes(device)
    if needed > free:
        place = "GPU memory" if torch.device(device).type == "cuda" else "memory"
        raise UserError(f"{what} needs about {needed / 1e9:.1f} GB of {place}; {free / 1e9:.1f} GB are free. {advice}")
