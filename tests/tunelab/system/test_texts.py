"""Texts that are made in English and shown in another language: all have a translation, and each gets its own."""

from __future__ import annotations

import re
from itertools import pairwise
from string import Formatter

import pytest

from tests.catalogues import OTHERS, catalogue, untranslated
from tunelab.system.korean import with_particles
from tunelab.system.texts import TEXTS, Form, english_words, tr_text

HANGUL = re.compile("[가-힣]")
SAMPLE = "x1"


@pytest.fixture(autouse=True)
def korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")


def entries(name: str) -> dict[str, str]:
    """The translations of a catalogue."""
    return {str(entry.id): str(entry.string) for entry in catalogue(name, TEXTS) if entry.id}


def fields(form: str) -> set[str]:
    """The names of a form's fields."""
    return {name for _, name, *_ in Formatter().parse(form) if name is not None}


@pytest.mark.parametrize("name", OTHERS)
def test_every_english_text_in_the_code_is_translated(name: str) -> None:
    assert untranslated(name) == {}


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_has_the_fields_of_its_text(name: str) -> None:
    for form, translation in entries(name).items():
        assert fields(form) == fields(translation), form


def test_a_translation_is_in_korean() -> None:
    assert [form for form, text in entries("ko").items() if not HANGUL.search(text) and not fields(form)] == []


def test_each_text_gets_its_own_translation() -> None:
    wrong = {}
    for form, translation in entries("ko").items():
        parts = [*Formatter().parse(form)]
        additions = {name for (_, before, *_), (gap, name, *_) in pairwise(parts) if before and name and not gap}
        values = {name: f" ({SAMPLE})" if name in additions else SAMPLE for name in fields(form)}
        expected = with_particles(Form(form, translation).filled(values))
        got = tr_text(Form(form, form).filled(values))
        if got != expected:
            wrong[form] = got
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "Task file 'a.py' defines no Task. Give the name of its training function, too: './a.py:train'.",
        "There is no model 'a' in 'b.db'. No version is the champion: `tunelab results SWEEP` says what speaks "
        "against a winner. The newest version is 'models:/a/1'. The name of a sweep means its winner.",
        "The trial of a training function has no 'suggest_int'. Parameters are drawn by the search space, "
        "space(trial), and arrive in config: config['lr'].",
    ],
)
def test_sentences_at_the_end_of_another_are_translated_with_it(text: str) -> None:
    said = tr_text(text)
    assert english_words(said.replace("space(trial)", "").replace("config", "").replace("trial", "")) == 0
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("시행 3은(는)", "시행 3은"),
        ("100,000 $와(과)", "100,000 $와"),
        ("95 %을(를)", "95 %를"),
        ("'mlp'은(는)", "'mlp'은(는)"),
    ],
)
def test_a_particle_follows_the_sound_before_it(text: str, expected: str) -> None:
    assert with_particles(text) == expected
