"""Short Korean reviews with a label, made of parts, for tests of tasks that learn texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SUBJECTS = ("이 영화는", "배우의 연기가", "음악이", "이야기가", "결말이", "화면이")
GOOD = ("정말 좋았다", "아주 훌륭했다", "무척 감동적이었다", "또 보고 싶다")
BAD = ("너무 지루했다", "정말 실망스러웠다", "아주 별로였다", "다시는 안 본다")
ADDED = ("", "친구와 함께 봤다.", "주말에 봤다.", "혼자 봤다.", "비 오는 날이었다.")


def reviews(rows: int = 80, seed: int = 0) -> pd.DataFrame:
    """Return reviews: ``글``, the text, ``평`` (``좋음`` or ``나쁨``) and ``점수``, a number."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(rows):
        good = bool(draw.integers(2))
        verdict = str(draw.choice(GOOD if good else BAD))
        text = f"{draw.choice(SUBJECTS)} {verdict}. {draw.choice(ADDED)} {number}번 관람"
        found.append((text, "좋음" if good else "나쁨", round((8 if good else 3) + float(draw.normal()), 2)))
    return pd.DataFrame(found, columns=["글", "평", "점수"])


def write_reviews(folder: Path, rows: int = 80) -> Path:
    """Write reviews as CSV into a folder; return the file."""
    path = folder / "reviews.csv"
    reviews(rows).to_csv(path, index=False)
    return path
