"""The head of a GGUF file: what model it holds and how large, read without its weights (no torch here).

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from search_spaces.errors import UserError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}  # by type
STRING, ARRAY = 8, 9
ALIGNMENT = 32  # of the weights, where the file says nothing
MAX_DIMENSIONS = 8
EXTRA = "Install the extra 'gguf': pip install 'tunelab[gguf]'."


@dataclass(frozen=True)
class GGUFHeader:
    """What a GGUF file says before its weights.

    Attributes:
        values: By key, e.g. ``general.architecture``; of an array its length.
        numbers: How many numbers its tensors hold together.
    """

    values: dict[str, Any]
    numbers: int

    @property
    def config(self) -> dict[str, Any]:
        """What a ``config.json`` would say; transformers makes the whole configuration when the model loads."""
        kind = self.values["general.architecture"]
        entries = {
            "vocab_size": self.values.get("tokenizer.ggml.tokens"),
            "max_position_embeddings": self.values.get(f"{kind}.context_length"),
            "num_hidden_layers": self.values.get(f"{kind}.block_count"),
            "hidden_size": self.values.get(f"{kind}.embedding_length"),
            "num_attention_heads": self.values.get(f"{kind}.attention.head_count"),
            "num_key_value_heads": self.values.get(f"{kind}.attention.head_count_kv"),
            "head_dim": self.values.get(f"{kind}.attention.key_length"),
            "license": self.values.get("general.license"),
        }
        whole = {name: value for name, value in entries.items() if value is not None}
        return {"model_type": kind, **whole}


def read_gguf_header(path: Path) -> GGUFHeader:
    """Read a GGUF file up to its weights, and check that these are all there.

    Raises:
        UserError: No GGUF file, one that was cut off or damaged, or the package ``gguf`` is missing.
    """
    try:
        import accelerate  # noqa: F401  # transformers loads no GGUF without it
        from gguf.constants import GGML_QUANT_SIZES
    except ImportError as error:
        raise UserError(f"The model '{path}' is a GGUF file, which needs the package '{error.name}'. {EXTRA}") from None
    sizes = {int(kind): size for kind, size in GGML_QUANT_SIZES.items()}
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise UserError(f"The model '{path}' is not a GGUF file: it does not begin with 'GGUF'.")
        try:
            return _read(file, path.stat().st_size, sizes)
        except (struct.error, UnicodeDecodeError, ValueError, KeyError, OverflowError, MemoryError) as error:
            raise UserError(
                f"The GGUF file '{path}' is cut off or damaged ({error or type(error).__name__}). Download it again."
            ) from None


def _read(file: BinaryIO, size: int, sizes: dict[int, tuple[int, int]]) -> GGUFHeader:
    version, tensors, entries = _unpack(file, "IQQ")
    if version not in VERSIONS:
        raise ValueError(f"version {version} of the format, not {' or '.join(map(str, VERSIONS))}")
    values = {}
    for _ in range(entries):
        key = _string(file, size)
        values[key] = _value(file, _unpack(file, "I")[0], size)
    if not isinstance(values.get("general.architecture"), str):
        raise ValueError("it names no architecture")
    numbers, end = 0, 0
    for _ in range(tensors):
        _string(file, size)
        (dimensions,) = _unpack(file, "I")
        if dimensions > MAX_DIMENSIONS:
            raise ValueError(f"a tensor of {dimensions} dimensions")
        count = prod(_unpack(file, f"{dimensions}Q"))
        kind, offset = _unpack(file, "IQ")
        block, stored = sizes[kind]
        numbers, end = numbers + count, max(end, offset + count // block * stored)
    alignment = values.get("general.alignment", ALIGNMENT)
    begin = -(-file.tell() // alignment) * alignment
    if begin + end > size:
        raise ValueError(f"{size:,} bytes, where its tensors end at {begin + end:,}")
    return GGUFHeader(values, numbers)


def _value(file: BinaryIO, kind: int, size: int) -> Any:
    """Return a value; of an array its length, after moving past it."""
    if kind == STRING:
        return _string(file, size)
    if kind != ARRAY:
        return _unpack(file, NUMBERS[kind])[0]
    inner, count = _unpack(file, "IQ")
    if count > size:
        raise ValueError(f"an array of {count:,} values")
    if inner == STRING:
        for _ in range(count):
            _string(file, size)
    else:
        file.seek(count * struct.calcsize(NUMBERS[inner]), 1)
    return count


def _string(file: BinaryIO, size: int) -> str:
    (length,) = _unpack(file, "Q")
    if length > size:
        raise ValueError(f"a text of {length:,} bytes")
    return file.read(length).decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))
