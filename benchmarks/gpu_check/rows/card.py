"""What torch and the driver say of the card."""

from __future__ import annotations

import subprocess

from benchmarks.gpu_check.row import Measured, Setting


def describe_card(setting: Setting) -> Measured:
    """Return name, memory, driver and torch's CUDA, after a product on the card that is compared with the CPU's.

    Raises:
        RuntimeError: The product is not what the CPU computes.
    """
    setting.need_cuda()
    import torch

    numbers = torch.arange(64.0).reshape(8, 8)
    if not torch.equal((numbers.cuda() @ numbers.cuda()).cpu(), numbers @ numbers):
        raise RuntimeError("A product of whole numbers on the card is not what the CPU computes.")
    found = torch.cuda.get_device_properties(0)
    values: dict[str, float | str | bool] = {
        "name": found.name,
        "memory_gib": round(found.total_memory / 2**30, 1),
        "driver": _driver(),
        "torch": torch.__version__,
        "torch_cuda": str(torch.version.cuda),
        "bf16": torch.cuda.is_bf16_supported(),
    }
    text = f"{found.name}, {values['memory_gib']} GiB, driver {values['driver']}, torch's CUDA {values['torch_cuda']}"
    return Measured(text, values)


def _driver() -> str:
    """Return the driver's version; "unknown" in a container without ``nvidia-smi``."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.partition("\n")[0].strip()
