"""docs/architecture.md names files, folders and names that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("search_spaces", "trainables", "tunelab", "benchmarks")
PLACES = sorted(set(re.findall(rf"`((?:{'|'.join(PACKAGES)})/[\w./]*)`", TEXT)))
CHANGES = TEXT[TEXT.index("## Where does my change go?") :]


@pytest.mark.parametrize("place", PLACES)
def test_every_path_exists(place: str) -> None:
    assert (ROOT / place).is_file() if "." in Path(place).name else (ROOT / place).is_dir()


def test_where_a_change_goes_is_said_in_whole_paths() -> None:
    files = re.findall(r"`([\w./]+\.py)`", CHANGES)
    assert len(files) > 20
    assert [file for file in files if file not in PLACES] == []


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name, place in re.findall(r"`(\w+)`[^|`]{0,12} (?:in|of) `([\w/]+\.py)`", CHANGES)]
    + [(name, place) for place, name in re.findall(r"`([\w/]+\.py)` \(`(\w+)`\)", CHANGES)],
)
def test_a_name_is_in_the_file_that_is_said(name: str, place: str) -> None:
    assert re.search(rf"^\s*(?:class |def )?{name}\b", (ROOT / place).read_text(encoding="utf-8"), re.MULTILINE)


def test_no_folder_has_more_modules_than_one_can_keep_in_mind() -> None:
    counts = {
        folder: len([file for file in folder.glob("*.py") if file.name != "__init__.py"])
        for package in PACKAGES
        for folder in [ROOT / package, *(ROOT / package).rglob("*/")]
        if folder != ROOT / "search_spaces"  # a file a task
    }
    assert len(counts) > 40
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > 17} == {}
