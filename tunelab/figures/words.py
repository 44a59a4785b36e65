"""What the words of some test texts contribute, by leaving each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from trainables.base.kinds.percent import as_percent
from trainables.base.kinds.registry import row_kind
from trainables.base.text.explanation import explain
from trainables.base.text.reader import text_column
from tunelab.figures.charts import Bars, Chart, Drawing
from tunelab.figures.evidence import Evidence
from tunelab.records.assessment.evaluation import ExplainedText
from tunelab.records.text import format_number
from tunelab.system.language import tr

TEXTS = 4  # half of them predicted best, half worst
MAX_WORDS = 12  # of a text: those that contribute most
MAX_READ = 60  # words of a text that are left out one by one
MAX_LETTERS = 24  # of a word


def explained_texts(evidence: Evidence) -> tuple[ExplainedText, ...]:
    """Return the test texts that the model is most right and least right about; none for a model without texts."""
    column = text_column(evidence.predictor)
    if column is None or evidence.outputs is None:
        return ()
    kind = row_kind(evidence.facts.kind)
    encoded = kind.encode_target(np.asarray(evidence.test.targets), evidence.model_facts)
    order = np.argsort(kind.row_losses(evidence.outputs, encoded), kind="stable")
    half = min(TEXTS, len(order)) // 2
    chosen = [*order[:half].tolist(), *order[::-1][: min(TEXTS, len(order)) - half].tolist()]
    return tuple(_explained(evidence, column, row) for row in dict.fromkeys(chosen))


def word_drawings(texts: Sequence[ExplainedText]) -> list[Drawing]:
    """Draw the contributions of words, a chart a text; nothing without texts."""
    if not texts:
        return []
    charts = [
        Chart(
            [Bars(list(text.words), np.array(text.contributions), across=True)],
            tr("contribution of the word"),
            title=tr("predicted {predicted}, actual {actual}", predicted=text.predicted, actual=text.actual),
        )
        for text in texts
    ]
    note = tr(
        "By how much the prediction falls when a word is left out: the two texts that the model is most right about, "
        "then the two that it is least right about. At most {count} words of each.",
        count=MAX_WORDS,
    )
    return [Drawing("words", tr("What words contribute, test split"), charts, min(2, len(charts)), note)]


def _explained(evidence: Evidence, column: str, row: int) -> ExplainedText:
    kind = row_kind(evidence.facts.kind)
    words = str(evidence.test.inputs[column].iloc[row]).split()[:MAX_READ]
    text = " ".join(words)
    found = explain(evidence.predictor, column, kind.name, text)
    says = evidence.predictor.predict(pd.DataFrame({column: [text]})).iloc[0]
    actual = evidence.test.targets[row]
    predicted = f"{says['prediction']} ({as_percent(says['p_' + str(says['prediction'])])})" if kind.classifies else ""
    shown = np.sort(np.argsort(-found["contribution"].abs().to_numpy(), kind="stable")[:MAX_WORDS])
    return ExplainedText(
        actual=str(actual) if kind.classifies else format_number(float(actual)),
        predicted=predicted or format_number(float(cast(float, says["prediction"]))),
        words=tuple(f"{place + 1}. {_short(words[place])}" for place in shown.tolist()),
        contributions=tuple(float(f"{value:.4g}") for value in found["contribution"].to_numpy()[shown]),
        count=len(words),
    )


def _short(word: str) -> str:
    return word if len(word) <= MAX_LETTERS else f"{word[: MAX_LETTERS - 1]}…"
