"""A trained model of series: rows of origins and steps ahead in, the target in its unit out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.tables.inputs import TableInputs
from trainables.base.tables.predictor import TablePredictor
from trainables.base.tables.series.relative import absolute
from trainables.base.tables.series.rows import AHEAD
from trainables.base.tables.series.sequences import SequenceFacts, SeriesInputs
from trainables.base.tables.series.windows import WINDOW, empty_window


class SeriesPredictor(TablePredictor):
    """A ``TablePredictor`` whose rows carry windows too, so that models of both sorts can be averaged."""

    kind: ClassVar[str] = "series"

    def encode(self, inputs: pd.DataFrame) -> SeriesInputs:
        """Prepare (n, raw columns) for the model; raise ``UserError`` naming missing columns."""
        lost = [name for name in (AHEAD, WINDOW) if name not in inputs.columns]
        if lost:
            raise UserError(f"The input lacks the column(s) {', '.join(map(repr, lost))}, which rows of a series have.")
        return SeriesInputs.from_rows(inputs, super().encode(inputs), SequenceFacts.from_facts(self.facts))

    def encoded_outputs(self, encoded: TableInputs) -> np.ndarray:
        outputs = super().encoded_outputs(encoded)
        assert isinstance(encoded, SeriesInputs)
        return absolute(outputs, encoded, SequenceFacts.from_facts(self.facts), self.config)

    def trial_input(self) -> pd.DataFrame:
        facts = SequenceFacts.from_facts(self.facts)
        row = super().trial_input()
        row[AHEAD], row[WINDOW] = 1, empty_window(facts.channels, facts.length)
        return row
