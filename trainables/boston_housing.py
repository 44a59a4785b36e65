"""Boston Housing: the median house value of 506 census tracts of 1970; kept for the course material only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.references import table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import pandas as pd


class BostonHousing(TabularTask):
    """Thirteen numbers of a tract; reference 30-15-8 with Adam at 1e-3, the model of the course notes."""

    facts = TaskFacts(
        name="boston_housing",
        title="Median house value of Boston census tracts",
        kind="regression",
        source="Harrison & Rubinfeld 1978, StatLib",
        licence="public",
        score="rmse",
        score_direction="minimize",
        unit="1,000 $",
        note="Column B encodes race; scikit-learn withdrew the set for that. For course material only.",
        **table_budget(rows=506),
    )
    space_name = "tabular_small"
    reference = table_reference(
        {
            "n_layers": 3,
            "width_1": 30,
            "width_2": 15,
            "width_3": 8,
            "dropout": 0.0,
            "lr": 1e-3,
            "weight_decay": 1e-6,
            "batch_size": 16,
        },
        small=True,
    )
    bundled_files = ("boston_housing.csv.gz",)
    target = "MEDV"
    numeric = (
        *("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE"),
        *("DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT"),
    )

    def read(self) -> pd.DataFrame:
        from trainables.base.contract.files.bundled import read_table

        return read_table(self.bundled_files[0])
