"""Every sampler by name: the same proposals for the same seed, and after a kill those of an undisturbed search."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import optuna
import pytest

from search_spaces import SearchSpace, UserError
from tests.tunelab.search.simulated import Clock, Slots, make_controller
from trainables import get_task
from tunelab.records.spec import SAMPLERS, make_spec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.controller import SearchController
from tunelab.search.defaults import fill_defaults, settle_sampler
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.search.sampling.samplers import find_sampler, resume_note
from tunelab.search.sampling.study import StudySampler
from tunelab.setup.fingerprint import differences, identity

OWN = """
import optuna

class Own(optuna.samplers.QMCSampler):
    def __init__(self, seed=0):
        super().__init__(seed=seed, scramble=True, warn_independent_sampling=False)

class Restless(optuna.samplers.RandomSampler):
    def __init__(self):
        super().__init__(seed=None)

class Greedy(optuna.samplers.RandomSampler):
    def __init__(self, budget):
        super().__init__()

class Broken(optuna.samplers.RandomSampler):
    def __init__(self, seed=0):
        super().__init__(seed)
    def sample_independent(self, study, trial, param_name, param_distribution):
        raise KeyError("no idea")

other = 3
"""


def draw(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    x, n = trial.suggest_float("x", 0.0, 1.0), trial.suggest_int("n", 1, 8)
    return {"x": x, "n": n, "kind": trial.suggest_categorical("kind", ["a", "b"])}


def steps(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    kind = trial.suggest_categorical("kind", ["a", "b"])
    x = trial.suggest_float("x", 0.0, 1.0, step=0.25)
    return {"kind": kind, "x": x, "n": trial.suggest_int("n", 1, 4) if kind == "a" else 0}


DRAWN, STEPPED = SearchSpace("toy", draw), SearchSpace("toy", steps)


def searched(controller: SearchController, monkeypatch: pytest.MonkeyPatch, **slots: Any) -> list[TrialRecord]:
    """Search on three slots; a loss that falls with the epochs, on a clock on which trials take different times."""
    Slots(
        3,
        loss=lambda plan, epoch: float(plan.config["x"]) * 2 + float(plan.config["n"]) / 8 + 1.0 / epoch,
        pace=lambda number, epoch: 1.0 + 0.37 * (number % 5),
        clock=Clock().install(monkeypatch),
        **slots,
    ).play(controller)
    return controller.records


def proposals(records: list[TrialRecord]) -> list[tuple[int, str, dict[str, Any]]]:
    return [(r.number, str(r.status), dict(r.params)) for r in records]


@pytest.mark.parametrize("sampler", [*SAMPLERS, "./own.py:Own", "optuna.samplers:NSGAIIISampler"])
def test_a_killed_search_proposes_what_an_undisturbed_one_does(
    sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN, encoding="utf-8")
    space = STEPPED if sampler == "grid" else DRAWN
    settings: dict[str, Any] = {"sampler": sampler, "space": space, "trials": 24, "history_window": 4}
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    undisturbed = proposals(searched(make_controller(tmp_path / "a", **settings), monkeypatch))
    assert len(undisturbed) == 24
    assert proposals(searched(make_controller(tmp_path / "b", **settings), monkeypatch)) == undisturbed

    for halt in (9, 14):  # killed twice
        earlier = replay(read_events(tmp_path / "c"))
        controller = make_controller(tmp_path / "c", restored=earlier if earlier.trials else None, **settings)
        searched(controller, monkeypatch, halt_after=halt)
        controller.state.journal.close()
    resumed = make_controller(tmp_path / "c", restored=replay(read_events(tmp_path / "c")), **settings)
    assert 3 < len(resumed.records) < 24
    assert proposals(searched(resumed, monkeypatch)) == undisturbed
    assert resumed.state.study.is_as_before
    assert len({tuple(params.items()) for _, _, params in undisturbed}) > 12


def test_in_the_asynchronous_order_too_the_sampler_is_told_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"sampler": "nsga2", "space": DRAWN, "trials": 40}
    killed = make_controller(tmp_path, **settings)
    searched(killed, monkeypatch, halt_after=90)
    killed.state.journal.close()
    resumed = make_controller(tmp_path, restored=replay(read_events(tmp_path)), **settings)
    assert resumed.state.study.is_as_before
    assert resumed.state.study.study.trials[5].params == resumed.records[5].params


def test_a_sampler_without_a_seed_continues_from_the_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN, encoding="utf-8")
    settings: dict[str, Any] = {"sampler": "own.py:Restless", "space": DRAWN, "history_window": 4}
    killed = make_controller(tmp_path, **settings)
    before = searched(killed, monkeypatch, halt_after=12)
    killed.state.journal.close()
    resumed = make_controller(tmp_path, restored=replay(read_events(tmp_path)), **settings)
    assert not resumed.state.study.is_as_before
    assert [r.params for r in resumed.records] == [r.params for r in before]
    assert [t.params for t in resumed.state.study.study.trials] == [dict(r.params) for r in before]
    assert len(searched(resumed, monkeypatch)) == 20


def test_the_grid_has_every_configuration_once_the_reference_first() -> None:
    study = StudySampler(STEPPED, "grid", 0, reference={"kind": "b", "x": 0.75}, fixed={})
    assert (study.grid_size, study.references) == (25, 1)  # 5 values of x, and of these 4 n where the kind is a
    found = [study.suggest(number)[0] for number in range(25)]
    assert found[0] == {"kind": "b", "x": 0.75}
    assert len({tuple(sorted(point.items())) for point in found}) == 25
    assert len({tuple(sorted(point.items())) for point in found[:8]}) == 8
    held = StudySampler(STEPPED, "grid", 0, reference={}, fixed={"kind": "a"})
    assert held.grid_size == 20


def test_a_sweep_of_the_grid_ends_with_the_grid() -> None:
    task, space = get_task("wine"), STEPPED
    for trials, expected in ((None, 25), (10, 10), (100, 25)):
        spec = make_spec({"task": "wine", "sampler": "grid", **({} if trials is None else {"trials": trials})})
        filled = fill_defaults(spec, task, name="a", tracking_uri="off")
        assert settle_sampler(filled, trials, task, space).trials == expected


def many(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    return {name: trial.suggest_int(name, 0, 99) for name in "abc"}


@pytest.mark.parametrize(
    ("sampler", "suggest", "message"),
    [
        ("grid", draw, "the space must be finite, and 'x' is a range of floats without a step"),
        ("grid", many, "the space 'toy' has more than 20,000 configurations"),
        ("own.py:Owm", draw, "'own.py' has no 'Owm'. Did you mean 'Own'"),
        ("own.py:other", draw, "'other' is not a class derived from optuna.samplers.BaseSampler"),
        ("own.py:Greedy", draw, "cannot be made from a seed alone.*budget"),
        ("own.py:Broken", draw, "own.py:Broken cannot propose: KeyError: 'no idea'"),
        ("none.py:Own", draw, "the file 'none.py' does not exist"),
        ("no_such_package.parts:Own", draw, "'no_such_package.parts' cannot be imported: .*no_such_package"),
    ],
)
def test_what_cannot_search_is_a_sentence(
    sampler: str, suggest: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN, encoding="utf-8")
    task = get_task("wine")
    filled = fill_defaults(make_spec({"task": "wine", "sampler": sampler}), task, name="a", tracking_uri="off")
    with pytest.raises(UserError, match=message):
        settle_sampler(filled, None, task, SearchSpace("toy", suggest))


def test_a_sampler_whose_package_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunelab.search.sampling.samplers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package cmaes.*tunelab\[samplers\]"):
        find_sampler("cmaes")


def test_the_start_of_a_sweep_says_what_an_own_sampler_cannot_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(map(resume_note, SAMPLERS))
    assert "only if it draws all of its random numbers from its seed" in resume_note("my.module:Own")
    with pytest.raises(UserError, match=r"--sampler must be 'curves', .*MODULE:CLASS or FILE.py:CLASS, got 'tp'"):
        make_spec({"task": "wine", "sampler": "tp"})


def test_the_file_of_an_own_sampler_is_part_of_the_sweeps_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "__init__.py").write_text("from house.own import Own", encoding="utf-8")
    module, space = tmp_path / "house" / "own.py", DRAWN
    module.write_text(OWN, encoding="utf-8")
    spec = make_spec({"task": "wine", "sampler": "house:Own", "name": "a"})
    before = identity(spec, "d", space)
    assert before.sampler_file
    assert not differences(before, identity(spec, "d", space))
    module.write_text(OWN + "# another one", encoding="utf-8")
    assert differences(before, identity(spec, "d", space)) == ["the sampler's file 'house:Own' has changed"]
    assert not identity(make_spec({"task": "wine", "sampler": "gp", "name": "a"}), "d", space).sampler_file


def test_a_class_of_an_installed_module_is_one_for_the_whole_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("house_of_samplers")
    exec("import optuna\nclass Last(optuna.samplers.BruteForceSampler):\n    pass", vars(module))
    monkeypatch.setitem(sys.modules, "house_of_samplers", module)
    study = StudySampler(STEPPED, "house_of_samplers:Last", 0, reference={}, fixed={})
    for number in range(25):
        params, config = study.suggest(number)
        assert not study.is_exhausted
        study.tell(TrialRecord(number, params, config, 0, 1, TrialStatus.FINISHED, (Epoch(1, 0.5, {}, 0.0),)))
    assert study.is_exhausted  # it has ended the search itself
