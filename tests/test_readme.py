"""The two READMEs stay in step with the code and with each other."""

from __future__ import annotations

import re
from pathlib import Path

from tunelab.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
KOREAN = (ROOT / "README.ko.md").read_text(encoding="utf-8")


def test_both_readmes_show_every_command() -> None:
    for name in COMMANDS:
        assert f"tunelab {name}" in ENGLISH, f"README.md lacks `tunelab {name}`"
    shown = re.findall(r"^(tunelab [^#\n]+?)\s*#", ENGLISH, re.MULTILINE)
    assert shown == re.findall(r"^(tunelab [^#\n]+?)\s*#", KOREAN, re.MULTILINE)
    assert re.findall(r"`make [a-z-]+`", ENGLISH) == re.findall(r"`make [a-z-]+`", KOREAN)
    for link in ("docs/guarantees.md", "docs/cluster.md", "CONTRIBUTING.md", "CC BY-NC-SA 4.0"):
        assert link in ENGLISH
        assert link in KOREAN


def test_both_readmes_are_short_and_their_links_lead_somewhere() -> None:
    for text, name in ((ENGLISH, "README.md"), (KOREAN, "README.ko.md")):
        assert len(text.splitlines()) <= 150, name
        links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
        assert [link for link in links if not (ROOT / link).is_file()] == []
    images = re.findall(r"!\[[^]]*\]\(([^)]+)\)", ENGLISH)
    korean = re.findall(r"!\[[^]]*\]\(([^)]+)\)", KOREAN)
    assert images == [image.replace(".ko.png", ".png") for image in korean]
    assert [image for image in (*images, *korean) if (ROOT / image).stat().st_size > 200_000] == []
