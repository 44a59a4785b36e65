"""GGUF models that are unpacked once: their 32-bit numbers are kept in the cache for other trials and runs.

A kept model is a folder of transformers, named by the content of the GGUF file and by the versions of the packages that
unpacked it. It is moved to its place when it is complete, so that parallel workers find all of it or nothing
(no torch, no transformers here).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from trainables.base.contract.files.cache import cache_folder
from trainables.base.text.language_models.model_folder import ModelFolder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

GGUF_MODELS = "gguf"  # folder of the cache
UNPACKED_BY = ("transformers", "gguf")
PARTIAL = ".partial-"  # beginning of the name of a folder that is being written
ABANDONED = 3_600.0  # seconds after which such a folder is not being written any more
DISK_SHARE = 0.5  # of the free disk space that one model may take
ONE_FILE = "100TB"  # no shards


def find_unpacked(folder: ModelFolder) -> ModelFolder | None:
    """Return a GGUF model as it was kept; None where it was not. What was damaged since is removed.

    Args:
        folder: Of the GGUF file.
    """
    try:
        found = replace(folder, path=_place(folder), gguf=None)
    except (OSError, RuntimeError):  # the file is gone, which is said when it is loaded; there is no cache folder
        return None
    if not found.path.is_dir():
        return None
    if _is_whole(found):
        return found
    shutil.rmtree(found.path, ignore_errors=True)
    return None


def keep_unpacked(folder: ModelFolder, network: PreTrainedModel) -> None:
    """Keep the unpacked network of a GGUF file, unless the disk cannot be written or lacks space.

    Args:
        folder: Of the GGUF file.
        network: As it was loaded.
    """
    try:
        place = _place(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if _bytes(network) > DISK_SHARE * shutil.disk_usage(place.parent).free:
            return
        with TemporaryDirectory(prefix=PARTIAL, dir=place.parent) as scratch:
            whole = Path(scratch) / place.name
            network.save_pretrained(whole, max_shard_size=ONE_FILE)
            whole.rename(place)  # fails where another worker was faster
    except (OSError, RuntimeError, SafetensorError):
        return


def unpacked_note(folder: ModelFolder) -> str:
    """Return how a GGUF file was unpacked and where its numbers are kept; empty where they are not."""
    found = find_unpacked(folder) if folder.gguf else None
    if found is None:
        return ""
    size = sum(file.stat().st_size for file in found.weight_files)
    where = _shown(found.path.parent)
    return f"unpacked once; its {size / 1e9:.1f} GB are kept in {where}, which `tunelab clean --yes` removes"


def kept_models() -> Iterator[Path]:
    """Yield the folders of kept models, and of those that were never completed."""
    try:
        entries = sorted((cache_folder() / GGUF_MODELS).iterdir())
    except (OSError, RuntimeError):
        return
    for entry in entries:
        if not entry.name.startswith(PARTIAL) or time() - entry.stat().st_mtime > ABANDONED:
            yield entry


def _place(folder: ModelFolder) -> Path:
    versions = "-".join(version(package) for package in UNPACKED_BY)
    return cache_folder() / GGUF_MODELS / f"{folder.sha256[str(folder.gguf)]}-{versions}"


def _is_whole(folder: ModelFolder) -> bool:
    """Return whether a kept model can be read; safetensors says whether a file has its full length."""
    try:
        json.loads((folder.path / "config.json").read_text("utf-8"))
        for file in folder.weight_files:
            with safe_open(file, "pt"):
                pass
    except (OSError, ValueError, SafetensorError):
        return False
    return bool(folder.weight_files)


def _bytes(network: PreTrainedModel) -> int:
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())


def _shown(path: Path) -> str:
    home = os.path.expanduser("~")
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
