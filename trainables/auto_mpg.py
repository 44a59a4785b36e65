"""Auto MPG: the fuel economy of 392 cars of 1970 to 1982."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.references import table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import pandas as pd


class AutoMPG(TabularTask):
    """Five numbers and the origin; reference 64-32-32, the model of the course notes."""

    facts = TaskFacts(
        name="auto_mpg",
        title="Fuel economy of cars",
        kind="regression",
        source="Quinlan 1993, UCI Auto MPG, rows with missing horsepower removed",
        licence="CC BY 4.0",
        score="rmse",
        score_direction="minimize",
        unit="mpg",
        **table_budget(rows=392),
    )
    space_name = "tabular_small"
    reference = table_reference(
        {
            "n_layers": 3,
            "width_1": 64,
            "width_2": 32,
            "width_3": 32,
            "dropout": 0.0,
            "lr": 1e-2,
            "weight_decay": 1e-4,
            "batch_size": 32,
        },
        small=True,
    )
    bundled_files = ("auto_mpg.csv.gz",)
    target = "mpg"
    numeric = ("cylinders", "displacement", "horsepower", "weight", "acceleration")
    categorical = ("origin",)  # 1 USA, 2 Europe, 3 Japan

    def read(self) -> pd.DataFrame:
        from trainables.base.contract.files.bundled import read_table

        return read_table(self.bundled_files[0])
