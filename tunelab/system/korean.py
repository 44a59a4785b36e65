"""Korean particles, whose form depends on the sound before them: ``시행 3은(는)`` becomes ``시행 3은``."""

from __future__ import annotations

import re

FORMS = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "와(과)": ("과", "와"),
    "(으)로": ("으로", "로"),
    "(이)여야": ("이어야", "여야"),
}
# A syllable, digit or sign, marks that are not spoken, and a particle. How other words end their letters do not tell.
PLACE = re.compile(rf"([가-힣0-9$%])(['\"`)]*)({'|'.join(map(re.escape, FORMS))})")
FIRST, ENDINGS = ord("가"), 28  # the first syllable, and the number of endings that a syllable can have, none included
RIEUL = 8  # the ending after which 로 is said, as after none
ENDING = dict(zip("0123456789$%", (21, RIEUL, 0, 16, 0, 0, 1, RIEUL, RIEUL, 0, 0, 0), strict=True))  # 영, 일, ..., 달러


def with_particles(text: str) -> str:
    """Return a Korean text in which each particle that can be chosen has one form."""
    return PLACE.sub(lambda place: place[1] + place[2] + _particle(place[1], place[3]), text)


def _particle(sound: str, both: str) -> str:
    ending = ENDING[sound] if sound in ENDING else (ord(sound) - FIRST) % ENDINGS
    after_consonant, after_vowel = FORMS[both]
    if both == "(으)로" and ending == RIEUL:
        return after_vowel
    return after_consonant if ending else after_vowel
