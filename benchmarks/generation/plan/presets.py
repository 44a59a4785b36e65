"""Settings that somebody recommends, by name: ``{preset: beam-sampling}`` among the settings of a benchmark file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.errors import unknown

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # an author of KoGPT2 on continuations that vary: https://github.com/SKT-AI/KoGPT2/issues/2
    "beam-sampling": {"mode": "beam_sample", "num_beams": 5, "temperature": 1.5, "repetition_penalty": 1.2},
}


def with_preset(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of settings with its ``preset`` written out; its other values replace those of the preset.

    Args:
        entry: Decoding parameters, perhaps with ``preset``; alone, a preset names its setting too.

    Raises:
        UserError: No such preset.
    """
    own = {key: value for key, value in entry.items() if key != "preset"}
    if "preset" not in entry:
        return own
    name = str(entry["preset"])
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return {**PRESETS[name], **(own or {"name": name})}
