"""Wine: the cultivar of 178 Italian wines from 13 chemical measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from trainables.base.contract.data import digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.references import table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import pandas as pd


DIGEST = "803cf0f2ea008881764e77b6a08ac9d28a2f9bfe177b32fdbad87572ea0a3cce"  # of the table, see ``digest_arrays``


class Wine(TabularTask):
    """Three classes; reference 32-16, the model of the course notes."""

    facts = TaskFacts(
        name="wine",
        title="Cultivar of Italian wines",
        kind="multiclass",
        source="Forina et al. 1991, UCI Wine, as shipped with scikit-learn",
        licence="CC BY 4.0",
        score="accuracy",
        score_direction="maximize",
        **table_budget(rows=178),
    )
    space_name = "tabular_small"
    reference = table_reference(
        {
            "n_layers": 2,
            "width_1": 32,
            "width_2": 16,
            "dropout": 0.1,
            "lr": 3e-3,
            "weight_decay": 1e-4,
            "batch_size": 16,
        },
        small=True,
    )
    target = "cultivar"
    numeric = (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
        *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
        *("od280/od315_of_diluted_wines", "proline"),
    )

    def read(self) -> pd.DataFrame:
        from sklearn.datasets import load_wine

        frame: pd.DataFrame = load_wine(as_frame=True).frame
        digest = digest_arrays({"wine": frame.to_numpy()})
        if digest != DIGEST:
            raise UserError(
                f"scikit-learn's table 'wine' is not the one that is known: its sha256 is {digest[:12]}…, expected "
                f"{DIGEST[:12]}…. Reinstall scikit-learn."
            )
        return frame.rename(columns={"target": "cultivar"})
