"""The sources of the documentation: Markdown files, their fences, headings and commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KOREAN = DOCS / "ko"
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPERATORS = {"&&", "|", ">", ";"}


def english_pages() -> list[Path]:
    """All pages that are written by hand, but for the Korean ones."""
    made = {DOCS / "_build", DOCS / "reference" / "from_code", KOREAN}
    return sorted(path for path in DOCS.rglob("*.md") if not made & set(path.parents))


def translated_pages() -> list[Path]:
    """The English pages that have to be there in Korean, too."""
    named = [DOCS / f"{name}.md" for name in ("index", "tutorial", "cluster", "tables")]
    return named + [path for path in english_pages() if path.parent.name in ("how-to", "explanation")]


def fences(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block that people read."""
    return [(language, body) for language, body in FENCE.findall(text) if not language.startswith("{")]


def python_examples(page: Path) -> list[str]:
    """The Python code that a page shows, block by block."""
    return [body for language, body in fences(page.read_text("utf-8")) if language == "python"]


def same_in_both(language: str, body: str) -> str:
    """What a block must have in both languages: all but comments; of what a command printed, the numbers."""
    if language == "text":
        return " ".join(sorted(re.findall(r"\d+(?:[.,]\d+)*", body)))
    return re.sub(r"\s*#.*$", "", body, flags=re.MULTILINE)


def outline(text: str) -> list[int]:
    """The level of each heading."""
    return [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", text), re.MULTILINE)]


def command_lines(text: str) -> list[list[str]]:
    """The words behind ``tunelab`` of each command that a page shows, in fences or within a line."""
    shown: list[str] = []
    for language, body in fences(text):
        if language in ("", "sh", "bash", "yaml"):
            lines = body.replace("\\\n", " ").splitlines()
            shown += [line.strip().removeprefix("$ ").removeprefix("- ") for line in lines]
    shown += re.findall(r"`(tunelab [^`]+)`", FENCE.sub("", text))
    found = []
    for line in shown:
        words = shlex.split(line, comments=True) if "tunelab " in line else []
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words[:1] != ["tunelab"] or words[1:2] in (["COMMAND"], ["명령"]):
            continue
        end = next((i for i, word in enumerate(words) if word in OPERATORS), len(words))
        found.append([word for word in words[1:end] if word not in ("…", "...")])
    return found
