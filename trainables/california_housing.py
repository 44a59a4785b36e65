"""California Housing: the median house value of 20,640 census blocks of 1990."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.base.contract.facts import TaskFacts
from trainables.base.tables.budget import table_budget
from trainables.base.tables.published_split import PublishedSplitTask
from trainables.base.tables.references import table_reference

if TYPE_CHECKING:
    import pandas as pd


class CaliforniaHousing(PublishedSplitTask):
    """Eight numbers of a block; reference 128-64-32 with dropout 0.1, the model of the course notes."""

    facts = TaskFacts(
        name="california_housing",
        title="Median house value of Californian census blocks",
        kind="regression",
        source="Pace & Barry 1997, StatLib (1990 census)",
        licence="public",
        score="rmse",
        score_direction="minimize",
        unit="100,000 $",
        **table_budget(rows=20_640),
    )
    reference = table_reference()
    bundled_files = ("california_housing.csv.gz",)
    target = "MedHouseVal"
    numeric = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")
    numeric_transform = "quantile"  # heavy tails (rooms, occupancy); measured below standardising on this split

    def read(self) -> pd.DataFrame:
        from trainables.base.contract.files.bundled import read_table

        return read_table(self.bundled_files[0])
