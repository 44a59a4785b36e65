"""Diamonds: the price of 53,940 round-cut diamonds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.published_split import PublishedSplitTask
from trainables.base.tables.references import table_reference

if TYPE_CHECKING:
    import pandas as pd

    from trainables.base.kinds.kind import TargetTransform


class Diamonds(PublishedSplitTask):
    """Six numbers and three grades, one-hot; reference 128-64-32 with dropout 0.2, the model of the course notes."""

    facts = TaskFacts(
        name="diamonds",
        title="Price of round-cut diamonds",
        kind="regression",
        source="ggplot2's diamonds",
        licence="MIT (ggplot2)",
        score="rmse",
        score_direction="minimize",
        unit="US $",
        **table_budget(rows=53_940),
    )
    reference = table_reference(
        {
            "n_layers": 3,
            "width_1": 128,
            "width_2": 64,
            "width_3": 32,
            "dropout": 0.2,
            "lr": 1e-3,
            "weight_decay": 1e-4,
            "batch_size": 128,
        }
    )
    bundled_files = ("diamonds.csv.gz",)
    target = "price"
    numeric = ("carat", "depth", "table", "x", "y", "z")
    categorical = ("cut", "color", "clarity")
    target_transform: TargetTransform = "log"  # prices span 326 to 18,823 $
    numeric_transform = "quantile"

    def __init__(self, split: str | None = None) -> None:
        super().__init__(split)
        if self.published:
            self.target_transform = "none"  # published errors are of the price itself

    def read(self) -> pd.DataFrame:
        from trainables.base.contract.files.bundled import read_table

        return read_table(self.bundled_files[0])
