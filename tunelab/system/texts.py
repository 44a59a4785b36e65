"""Texts that are made in English and translated where they are shown: errors, steps, and what a result stores.

A store serves readers of every language, and so does the JSON for other programs: what they hold is English. The
catalogue ``locale/LANGUAGE/LC_MESSAGES/texts.po`` has the form of every such text, with fields in braces.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from string import Formatter

from tunelab.system.korean import with_particles
from tunelab.system.language import CATALOGUES, DOMAIN, ENGLISH, KOREAN, language

TEXTS = "texts"  # the domain of the catalogue
ENOUGH_LETTERS = 12  # of a form that may have sentences in its fields
MIN_LETTERS = 3  # of a form outside of its fields: what has fewer fits too much
MAX_SENTENCES = 6  # that one form spans
VERBATIM = ("'", '"', "`", "=", "-", "/", "e.g. ")  # before a field that holds a name: it stays as it is
LISTING = ": "  # before a field that may hold a list of names: one word alone stays as it is
MAX_FORMS = 4  # that are tried of those which a text has
QUOTED = re.compile(r"'[^']*'|`[^`]*`|--\S+|\([A-Z][^)]*\)")
WORD = re.compile(r"(?<![\w./=-])[A-Za-z][a-z]+(?![\w/=(])")
SENTENCE_END = re.compile(r"[.?!]\s")
BOUNDARY = re.compile(r"(?<=[.?!;:\])])(\s+)")


def tr_text(text: str) -> str:
    """Return a text that was made in English in the language in force.

    The text, or else each of its sentences, is compared with the forms of the catalogue: ``Unknown task 'x'.`` has the
    form ``Unknown {what} '{given}'.``. The words in the fields are translated likewise, names in quotes are not.

    Args:
        text: One line or several. What has no translation stays English.
    """
    if language() == ENGLISH:
        return text
    forms = _forms(language())
    translation = "\n".join(map(forms.translated, text.split("\n")))
    return with_particles(translation) if language() == KOREAN else translation


def english_words(text: str) -> int:
    """Return how many words of a translation are still English; names in quotes and code do not count."""
    return len(WORD.findall(QUOTED.sub("", text)))


@dataclass(frozen=True)
class Form:
    """A text with fields, and its translation with the same fields."""

    message: str
    translation: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """What is between the fields, part by part."""
        return tuple(literal for literal, *_ in Formatter().parse(self.message) if literal)

    @property
    def fields(self) -> list[str]:
        """The names of the fields."""
        return [name for _, name, *_ in Formatter().parse(self.message) if name is not None]

    @cached_property
    def words(self) -> str:
        """What is between the fields."""
        return "".join(self.literals)

    def holds_name(self, field: str, value: str) -> bool:
        """Return whether the value of a field is a name, which has no translation."""
        return self._before(field).endswith(VERBATIM) or (self._is_listing(field) and " " not in value.strip())

    def _is_listing(self, field: str) -> bool:
        return self._before(field).endswith(LISTING)

    def _before(self, field: str) -> str:
        return next(literal for literal, name, *_ in Formatter().parse(self.message) if name == field)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern, seen = "", set[str]()
        for literal, name, *_ in Formatter().parse(self.message):
            pattern += re.escape(literal)
            if name is None:
                continue
            value = "[^]]*?" if literal.rfind("[") > literal.rfind("]") else ".*?"
            if not literal and seen:  # right behind another field: an addition, or nothing
                value = rf"(?:(?:[;,]|[.;,]?(?=\s(?:and\s|[(A-Z])))\s{value})?"
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{value})"
            seen.add(name)
        end = r"(?<![.;:,])" if pattern.endswith("?)") else ""  # a mark at the end is not part of the last field
        return re.compile(pattern + end, re.DOTALL)

    def values(self, text: str) -> dict[str, str] | None:
        """Return what a text has in the fields; None when it has another form."""
        if not all(literal in text for literal in self.literals):
            return None
        found = self._pattern.fullmatch(text)
        values = {} if found is None else found.groupdict()
        is_weak = sum(map(str.isalpha, self.words)) < ENOUGH_LETTERS
        several = (
            (is_weak and SENTENCE_END.search(v)) or ("; " in v and not self._is_listing(n)) for n, v in values.items()
        )
        return None if found is None or any(several) else values

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the translation with values in its fields."""
        parts = Formatter().parse(self.translation)
        return "".join(literal + (values[name] if name is not None else "") for literal, name, *_ in parts)


class Forms:
    """The forms of a catalogue.

    Args:
        messages: Translations by message.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        forms = [Form(message, translation) for message, translation in messages.items()]
        self._whole = {form.words: form.filled({}) for form in forms if not form.fields}
        with_fields = (form for form in forms if form.fields and sum(map(str.isalpha, form.words)) >= MIN_LETTERS)
        ordered = sorted(with_fields, key=lambda form: -len(form.words))
        self._forms = [(max(form.literals, key=len), form) for form in ordered]  # most texts lack even the longest part

    def translated(self, text: str) -> str:
        """Return the translation of a line, of as much of it as has one."""
        core = text.strip()
        if not any(map(str.isalpha, core)):
            return text
        before, _, after = text.partition(core)
        whole = self._part(core)
        return f"{before}{self._sentences(core) if whole is None else whole}{after}"

    def _one(self, text: str) -> str | None:
        """Return the translation of a text by the form that leaves least of it in English; None without one."""
        exact = self._whole.get(text)
        if exact is not None:
            return exact
        found = []
        for longest, form in self._forms:
            values = form.values(text) if longest in text else None
            if values is not None:
                kept = {field: form.holds_name(field, value) for field, value in values.items()}
                found.append(form.filled({n: v if kept[n] else self.translated(v) for n, v in values.items()}))
                if len(found) == MAX_FORMS or not english_words(found[-1]):
                    break
        return min(found, key=english_words, default=None)

    def _sentences(self, text: str) -> str:
        """Return a text with its sentences translated, in the runs that leave least of it in English."""
        parts = BOUNDARY.split(text)  # sentences at even places, the blanks between them at odd ones
        if len(parts) == 1:
            return text
        best = {len(parts) + 1: (0, "")}  # by the place where it begins, the rest of the text with its English words
        for at in range(len(parts) - 1, -1, -2):
            runs = [(end, self._part("".join(parts[at:end]))) for end in self._ends(at, len(parts))]
            shown = [(end, run) for end, run in runs if run is not None] or [(at + 1, parts[at])]
            if shown[0][0] != at + 1:
                shown.append((at + 1, parts[at]))
            gaps = {end: parts[end] if end < len(parts) else "" for end, _ in shown}
            options = [
                (english_words(run) + best[end + 1][0], run + gaps[end] + best[end + 1][1]) for end, run in shown
            ]
            best[at] = min(options, key=lambda option: option[0])
        return best[0][1]

    @staticmethod
    def _ends(at: int, count: int) -> range:
        """Return where a run of sentences may end, the longest first."""
        return range(min(count, at + 2 * MAX_SENTENCES - 1), at, -2)

    def _part(self, text: str) -> str | None:
        """Return the translation of a sentence, or of one with or without its last mark, which is put back."""
        found = self._one(text)
        if " " not in text or (found is not None and not english_words(found)):  # a word before a colon may be a name
            return found
        if text[-1] in ".;:,":
            bare = self._one(text[:-1])
            shown = [part for part in (found, None if bare is None else bare + text[-1]) if part is not None]
            return min(shown, key=english_words, default=None)
        if found is not None:
            return found
        whole = self._one(f"{text}.")  # the mark of a last field is that of the text around it
        better = whole is not None and whole.endswith(".") and english_words(whole) < english_words(text)
        return whole[:-1] if whole is not None and better else None


@cache
def _forms(name: str) -> Forms:
    sentences = {m: t for m, t in _messages(DOMAIN, name).items() if " " in m}  # a word alone may be somebody's name
    return Forms(sentences | _messages(TEXTS, name))


def _messages(domain: str, name: str) -> dict[str, str]:
    catalogue = vars(gettext.translation(domain, CATALOGUES, [name]))["_catalog"]  # gettext has no public list of them
    return {str(message): str(text) for message, text in catalogue.items() if message}
