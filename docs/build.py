"""Build these pages for the web, strictly and without a network: ``python docs/build.py``.

English pages go to ``docs/_build/html``, Korean ones to ``ko`` in it. The folder can be opened from disk
(``index.html``) or published as it is by any web server; it holds ``.nojekyll`` for GitHub Pages. A second build reads
the unchanged pages from its cache.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).parent
BUILT = DOCS / "_build"
STRICT = ("--quiet", "--fail-on-warning", "--keep-going", "--nitpicky")


def build(language: str, source: Path, target: Path) -> int:
    """Build one language; return the exit status of Sphinx."""
    cache = BUILT / "doctrees" / language
    options = ["--conf-dir", DOCS, "--define", f"language={language}", "--doctree-dir", cache]
    if is_outdated(cache / "environment.pickle"):
        options.append("--fresh-env")
    return subprocess.run([sys.executable, "-m", "sphinx", *STRICT, *map(str, options), source, target]).returncode


def is_outdated(cache: Path) -> bool:
    """Return True if an extension is newer than a cache: Sphinx compares its settings and pages alone."""
    newest = max(path.stat().st_mtime for path in (DOCS / "extensions").glob("*.py"))
    return cache.is_file() and cache.stat().st_mtime < newest


@contextmanager
def alone() -> Iterator[None]:
    """Wait for another build, such as that of ``make check`` beside ``make test``: both write the same files."""
    BUILT.mkdir(exist_ok=True)
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build both languages; return 0 when neither has a warning."""
    html = BUILT / "html"
    with alone():
        return build("en", DOCS, html) or build("ko", DOCS / "ko", html / "ko")


if __name__ == "__main__":
    raise SystemExit(main())
