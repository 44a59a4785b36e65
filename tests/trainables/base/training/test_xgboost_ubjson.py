"""XGBoost's UBJSON of a model: whatever XGBoost writes is whole. Damaged ones: ``contract/files/test_damage.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainables.base.training.xgboost_ubjson import check_xgboost_ubjson

xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")


@pytest.mark.parametrize(
    "options",
    [
        *({"gamma": 0.1, "tree_method": "exact"}, {"grow_policy": "lossguide", "max_leaves": 5}),
        *({"booster": "dart"}, {"booster": "gblinear"}, {"n_estimators": 0}, {"num_parallel_tree": 2}),
        *({"multi_strategy": "multi_output_tree"}, {"multi_strategy": "one_output_per_tree"}, {"max_cat_to_onehot": 1}),
    ],
)
def test_every_sort_of_booster_that_xgboost_makes_is_whole(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": pd.Categorical(list("abcdef") * 10), "c": rng.normal(size=60)})
    x = frame if "max_cat_to_onehot" in options else frame[["a", "c"]]
    y = frame[["a", "c"]] if "multi_strategy" in options else frame["a"]
    model = xgboost.XGBRegressor(
        **{"n_estimators": 2, "max_depth": 4, "enable_categorical": x is frame, **options}
    ).fit(x, y)
    check_xgboost_ubjson(bytes(model.get_booster().save_raw("ubj")))


def test_leaves_of_several_numbers_need_them() -> None:
    """Without them XGBoost ends the process while it loads."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    model = xgboost.XGBRegressor(n_estimators=1, max_depth=2, multi_strategy="multi_output_tree").fit(x, x)
    with pytest.raises(KeyError, match="leaf_weights"):
        check_xgboost_ubjson(bytes(model.get_booster().save_raw("ubj")).replace(b"leaf_weights", b"leaf_nothing"))
