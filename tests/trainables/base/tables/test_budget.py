"""The default length of a trial follows from the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainables import get_task
from trainables.base.tables.budget import EARLY_STOPPING, STEPS, table_budget, usual_epochs
from trainables.base.tables.families import neighbours
from trainables.base.tables.families.boosting import PATIENCE_ROUNDS
from trainables.base.training.loop import PATIENCE, PATIENCE_STEPS, patience_epochs


def test_fewer_rows_get_more_epochs_and_about_the_same_steps() -> None:
    rows = [100, 1_000, 5_000, 20_000, 50_000, 1_000_000]
    epochs = [table_budget(n)["max_epochs"] for n in rows]
    assert epochs == sorted(epochs, reverse=True)
    assert (epochs[0], epochs[-1]) == (300, 27)
    for training_rows, batch in ((3_200, 64), (6_400, 128), (13_000, 256)):
        assert usual_epochs(training_rows) * (training_rows / batch) > 0.9 * STEPS
    assert [table_budget(n)["grace_period"] for n in (178, 20_640, 1_000_000)] == [17, 4, 2]


def test_patience_counts_steps_where_an_epoch_has_few() -> None:
    assert patience_epochs(13_000, 64) == PATIENCE
    assert patience_epochs(200, 64) == 100  # 4 steps an epoch
    assert patience_epochs(2_000, 64) == 32
    assert patience_epochs(2_000, 64, steps=300, at_least=12) == 12


def test_a_users_table_gets_the_budget_of_its_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    (tmp_path / "x.csv").write_text("x,y\n" + "\n".join(f"{a:.4f},{a * a + 1:.4f}" for a in x))
    facts = get_task("table", data=tmp_path / "x.csv", target="y").facts
    found = {
        "max_epochs": facts.max_epochs,
        "grace_period": facts.grace_period,
        "early_stopping": facts.early_stopping,
    }
    assert found == table_budget(300)


def test_the_rules_inside_a_trial_are_told_as_they_are() -> None:
    for count in (PATIENCE, neighbours.PATIENCE):
        assert f"{count} epochs" in EARLY_STOPPING
    assert f"{PATIENCE_STEPS:,} steps" in EARLY_STOPPING
    assert f"{neighbours.PATIENCE_STEPS} steps" in EARLY_STOPPING
    assert f"{PATIENCE_ROUNDS} rounds" in EARLY_STOPPING
