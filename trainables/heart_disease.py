"""Heart disease: whether the diameter of a coronary artery is narrowed by more than half, 303 patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.references import table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import pandas as pd


class HeartDisease(TabularTask):
    """Mixed columns with six missing cells; reference 32-16, the model of the course notes."""

    facts = TaskFacts(
        name="heart_disease",
        title="Narrowed coronary artery, yes or no",
        kind="binary",
        source="Detrano et al. 1989, UCI Heart Disease (Cleveland)",
        licence="CC BY 4.0",
        score="accuracy",
        score_direction="maximize",
        **table_budget(rows=303),
    )
    space_name = "tabular_small"
    reference = table_reference(
        {
            "n_layers": 2,
            "width_1": 32,
            "width_2": 16,
            "dropout": 0.2,
            "lr": 3e-3,
            "weight_decay": 1e-3,
            "batch_size": 32,
        },
        small=True,
    )
    bundled_files = ("heart_disease.csv.gz",)
    target = "disease"
    numeric = ("age", "resting_bp", "cholesterol", "max_heart_rate", "st_depression", "major_vessels")
    categorical = (
        *("sex", "chest_pain", "fasting_blood_sugar", "resting_ecg"),
        *("exercise_angina", "st_slope", "thal"),
    )

    def read(self) -> pd.DataFrame:
        from trainables.base.contract.files.bundled import read_table

        return read_table(self.bundled_files[0])
