"""What-if: a journal replayed under other rules is what the same trials do under them, exactly or within bounds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.toys import TOY_SPACE
from tests.tunelab.search.simulated import Clock, Slots, make_controller
from trainables.base.worker.assignment import TrialAssignment
from tunelab.analysis.whatif import Fate, RecordedSearch, StoppingRules, advise, what_if
from tunelab.cli.main import main
from tunelab.records.spec import ResolvedSpec
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import Rungs
from tunelab.search.events import Started
from tunelab.search.journal import Journal, read_events
from tunelab.search.replay import replay

TRIALS = 30
HALVING = StoppingRules("asha", 1, 3)
PATIENT = StoppingRules("asha", 3, 3)
NONE = StoppingRules("none", 1, 3)


def loss(plan: TrialAssignment, epoch: int) -> float:
    """Curves that cross now and then."""
    return (float(plan.config["x"]) - 0.3) ** 2 + (1 + plan.seed % 97 / 97) / epoch


def searched(folder: Path, rules: StoppingRules, concurrency: int = 1) -> tuple[TrialRecord, ...]:
    """Search with random configurations, which are the same under all rules; the journal begins as a sweep's does."""
    folder.mkdir(parents=True)
    rungs = Rungs(rules.levels(9), rules.reduction_factor)
    controller = make_controller(folder, trials=TRIALS, concurrency=concurrency, sampler="random", rungs=rungs)
    spec = ResolvedSpec(
        task="toy",
        trials=TRIALS,
        max_epochs=9,
        scheduler=rules.scheduler,  # type: ignore[arg-type]
        grace_period=rules.grace_period,
        reduction_factor=rules.reduction_factor,
        name=folder.name,
        tracking_uri="off",
    )
    space = TOY_SPACE.describe()
    controller.state.journal.append(
        Started(spec.to_json(), space=space, folder=str(folder), concurrency=concurrency, time=1.0)
    )
    Slots(concurrency, loss, lambda number, epoch: 0.05 + number * 7919 % 101 / 100, Clock()).play(controller)
    controller.state.journal.close()
    return controller.finish()


def recorded(folder: Path) -> RecordedSearch:
    return RecordedSearch.from_journal(replay(read_events(folder)))


@pytest.mark.parametrize("concurrency", [1, 3])
def test_whole_curves_give_what_the_rules_would_have_done(tmp_path: Path, concurrency: int) -> None:
    searched(tmp_path / "whole", NONE, concurrency)
    real = searched(tmp_path / "real", HALVING, concurrency)
    found = what_if(recorded(tmp_path / "whole"), HALVING)
    assert found.stopped == tuple(t.number for t in real if t.status is TrialStatus.STOPPED)
    assert found.epochs == found.low == found.high == sum(t.last_epoch for t in real)
    assert (found.short, found.perhaps, found.full_epochs) == ((), (), TRIALS * 9)


def test_the_rules_that_a_sweep_had_change_nothing(tmp_path: Path) -> None:
    real = searched(tmp_path / "a", HALVING)
    found = what_if(recorded(tmp_path / "a"), HALVING)
    assert found.epochs == found.low == found.high == sum(t.last_epoch for t in real)
    assert found.fate is Fate.KEPT
    assert found.next_best == min(t.val_loss for t in real)


@pytest.mark.parametrize("rules", [PATIENT, NONE, StoppingRules("asha", 1, 2)])
def test_what_is_not_known_lies_within_bounds(tmp_path: Path, rules: StoppingRules) -> None:
    searched(tmp_path / "a", HALVING)
    real = searched(tmp_path / "real", rules)
    found = what_if(recorded(tmp_path / "a"), rules)
    assert found.short
    assert found.low < found.high
    assert found.low <= sum(t.last_epoch for t in real) <= found.high
    stopped = {t.number for t in real if t.status is TrialStatus.STOPPED}
    assert len(stopped ^ set(found.stopped)) <= len(found.perhaps) + 2


def test_a_lost_winner_is_named_and_advice_keeps_it(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole", NONE)
    search = recorded(tmp_path / "whole")
    harsh = what_if(search, StoppingRules("asha", 1, 9))
    best = min(whole, key=lambda t: t.val_loss)
    kept = min(t.val_loss for t in whole if t.number not in harsh.stopped)
    assert harsh.winner == best.number
    assert harsh.fate is (Fate.LOST if best.number in harsh.stopped else Fate.KEPT)
    assert harsh.next_best <= kept
    advice = advise(search, NONE)
    assert advice is not None
    assert advice.fate is Fate.KEPT
    assert advice.epochs < 0.95 * search.epochs
    assert not {t.number for t in sorted(whole, key=lambda t: t.val_loss)[:3]} & {*advice.stopped, *advice.perhaps}


def test_the_command_tells_what_was_replayed(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(in_folder / "mlruns" / "sweeps" / "toy-1", HALVING)

    def run(line: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tunelab", "whatif", "toy-1", *line.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    code, out, _ = run("--grace-period 3 --advise")
    assert code == 0
    assert "as it ran (--grace-period 1 --reduction-factor 3)" in out
    assert "With --grace-period 3 --reduction-factor 3: about" in out
    assert "curves end before these rules are done with them" in out
    assert "Advice" in out
    code, out, _ = run("--scheduler none --json")
    answer = json.loads(out)["whatif"]
    assert answer["rules"]["scheduler"] == "none"
    assert answer["low"] <= answer["epochs"] <= answer["high"] == TRIALS * 9
    for line, sentence in {
        "": "What should differ?",
        "--scheduler asho": "Did you mean 'asha'?",
        "--grace-period 10": "between 1 and 9",
        "--reduction-factor 1": "2 or more",
        "--scheduler none --grace-period 3": "leave out --grace-period",
    }.items():
        code, out, error = run(line)
        assert (code, out) == (2, "")
        assert sentence in error
    journal = Journal(in_folder / "mlruns" / "sweeps" / "toy-1")
    spec = ResolvedSpec(task="toy", max_epochs=9, trials=TRIALS, grace_period=1, name="toy-1", tracking_uri="off")
    journal.append(Started(spec.to_json(), folder=str(in_folder), further_metrics=["size"]))
    journal.close()
    code, out, error = run("--advise")
    assert (code, out) == (2, "")
    assert "whatif replays the search of one metric, and 'toy-1' has several: val_loss and size." in error
