"""Sphinx's settings: one source tree a language, built offline and strictly by `make docs`."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for the extensions beside this file

project = "tunelab"
author = "the authors of tunelab"
copyright = "the authors of tunelab, Apache-2.0"
version = release = installed_version("tunelab")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.githubpages",  # .nojekyll, so that GitHub Pages publishes folders that begin with an underscore
    "extensions.mathml",
    "extensions.diagrams",
    "extensions.korean_search",
    "extensions.languages",
    "extensions.pages_from_code",
]
exclude_patterns = ["_build", "extensions", "ko", "notebooks"]
locale_dirs = [str(Path(__file__).parent / "locale")]

# The language of each build is given by `make docs`; English is the default.
language = "en"
smartquotes = False  # two dashes are options of a command line, not a long dash

highlight_language = "none"  # of blocks that name no language: commands and what they print
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
myst_url_schemes = {"http": None, "https": None, "mailto": None, "english": None}  # the last: extensions/languages.py
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types of other libraries: their documentation is not asked for offline

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"tunelab {release}"
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses to a page opened from disk
html_math_renderer = "mathml"
html_static_path = [str(Path(__file__).parent / "_static")]
html_css_files = ["tunelab.css"]
templates_path = [str(Path(__file__).parent / "_templates")]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
