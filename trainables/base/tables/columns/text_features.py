"""Free text as a few numbers: TF-IDF of character sequences, reduced to its main directions; fitted, without pickle."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

SEQUENCES = (1, 4)  # characters, within words: syllables of Korean, prefixes and stems of English
MAX_SEQUENCES = 20_000
MAX_FEATURES = 128
MAX_FITTED_ROWS = 20_000  # more change the directions hardly, and cost much
ROWS_PER_FEATURE = 4
MAX_CHARACTERS = 5_000  # of a text; the rest is left out
FEW_ROWS = 50  # from which a sequence must be in two texts


def fit_text(texts: pd.Series) -> Pipeline:
    """Fit TF-IDF, latent semantic analysis (Deerwester et al. 1990) and a scaler on the texts of the training rows.

    Args:
        texts: (n,) text, empty where a cell is missing.

    Returns:
        A scikit-learn pipeline from (n,) text to (n, features) float64.
    """
    fitted = texts.iloc[:: max(1, -(-len(texts) // MAX_FITTED_ROWS))]
    vectorizer = _vectorizer(2 if len(fitted) >= FEW_ROWS else 1)
    try:
        matrix = vectorizer.fit_transform(fitted)
    except ValueError:  # no sequence is in two texts
        vectorizer = _vectorizer(1)
        matrix = vectorizer.fit_transform([*fitted, "-"])[:-1]
    features = max(1, min(MAX_FEATURES, len(fitted) // ROWS_PER_FEATURE, matrix.shape[1] - 1))
    with threadpool_limits(1):  # the same sums in the same order on every machine
        reduction = TruncatedSVD(features, random_state=0)
        reduced = reduction.fit_transform(matrix)
    return make_pipeline(vectorizer, reduction, StandardScaler().fit(reduced))


def text_features(pipeline: Pipeline, texts: pd.Series) -> np.ndarray:
    """Transform (n,) text to (n, features) float32."""
    found: np.ndarray = pipeline.transform(texts).astype(np.float32)
    return found


def clean_text(column: pd.Series) -> pd.Series:
    """Return a column of free text as (n,) text, composed (NFC), empty where missing, cut to ``MAX_CHARACTERS``."""
    text = column.astype(object).where(column.notna(), "").astype(str)
    return text.str.normalize("NFC").str.slice(0, MAX_CHARACTERS)


def _vectorizer(min_texts: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=SEQUENCES, min_df=min_texts, max_features=MAX_SEQUENCES, sublinear_tf=True
    )
