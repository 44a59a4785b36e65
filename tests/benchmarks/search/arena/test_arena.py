"""The arena: tables are read, workers and clock are simulated, results repeat, mistakes are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.harness.verify import verify
from benchmarks.search.arena.curves import Curve, CurveTask, LossRange
from benchmarks.search.arena.methods import make_searcher
from benchmarks.search.arena.report import make_arena_document
from benchmarks.search.arena.run import RESULTS, ArenaResults, run_arena
from benchmarks.search.arena.searcher import ArenaTrial
from benchmarks.search.arena.simulate import Simulation
from benchmarks.search.arena.spec import ArenaSpec, check_arena
from benchmarks.search.arena.tables import read_tables
from benchmarks.search.schedulers import TrialLength, Verdict
from search_spaces import SearchSpace, UserError
from tests.benchmarks.search.arena.tiny_tables import EPOCHS, ROWS, write_lcbench, write_taskset
from tests.korean import english
from tunelab.report.report import to_html, to_markdown

METHODS = ("tpe+asha", "random+asha", "random+none", "tpe+HyperbandPruner", "OptunaSearch+ASHAScheduler")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_taskset(folder / "taskset")
    write_lcbench(folder / "lcbench")
    return folder


@pytest.fixture(scope="module")
def finished(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ArenaSpec, ArenaResults]:
    spec = ArenaSpec(str(tables), ("taskset/tiny",), METHODS, (1, 3), repetitions=2, full_trainings=(2, 4))
    folder = tmp_path_factory.mktemp("arena") / "out"
    return folder, spec, run_arena(spec, folder, lambda text: None)


def test_lcbench_gives_curves_and_regrets_of_both_splits(tables: Path) -> None:
    task = read_tables(tables)["lcbench/3945"]
    assert set(task.space.distributions()) == {
        *("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
    }
    config = {"batch_size": 16, "learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.01}
    curve = task.start()({**config, "num_layers": 2, "max_units": 64, "max_dropout": 0.0})
    epochs = np.arange(1, 53)
    assert curve.validation == pytest.approx(1 - (0.1 + 0.01 * epochs + 0.3 + 0.01), abs=1e-5)
    assert curve.test == pytest.approx(1 - (0.1 + 0.009 * epochs + 0.29 + 0.01), abs=1e-5)
    assert curve.seconds == pytest.approx(2.0 * epochs)
    assert task.validation.regret(0.0) == pytest.approx(0.0)
    assert task.validation.regret(0.45) == pytest.approx(0.5)
    assert task.validation.regret(math.nan) == 1.0
    other = read_tables(tables)["lcbench/7593"].start()({**config, "num_layers": 2, "max_units": 64, "max_dropout": 0})
    assert curve.validation - other.validation == pytest.approx(0.01 * np.ones(52), abs=1e-5)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_table_gives_each_of_its_rows_once(tmp_path: Path, as_json: bool) -> None:
    losses = write_taskset(tmp_path / "taskset", as_json=as_json)
    task = read_tables(tmp_path)["taskset/tiny"]
    assert task.length.max_epochs == EPOCHS
    lookup = task.start()
    config = {"learning_rate": 1e-3, "one_minus_beta1": 0.1, "l2": 1e-4}
    found = [lookup(config).validation for _ in range(ROWS)]
    assert sorted(map(str, found)) == sorted(map(str, losses))
    assert np.nanmin(found[0]) < np.nanmin(found[-1])  # the nearest first
    np.testing.assert_array_equal(task.start()(config).validation, found[0])


class Scripted:
    """Asks for trials in a given order; each trains for a number of epochs, then pauses or stops."""

    def __init__(self, order: list[int], epochs: int) -> None:
        self.order, self.epochs = order, epochs
        self.seen: list[tuple[int, int]] = []

    def next_trial(self) -> ArenaTrial | None:
        return ArenaTrial(self.order[0], {"x": self.order.pop(0)}) if self.order else None

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        self.seen.append((number, epoch))
        return Verdict.PAUSE if epoch % self.epochs == 0 else Verdict.GO

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        self.seen.append((number, epoch))


def speed_task(seconds: list[float]) -> CurveTask:
    """Return a task of 4 epochs in which trial ``x`` takes ``seconds[x]`` an epoch."""

    def look_up(config: object) -> Curve:
        assert isinstance(config, dict)
        number = int(config["x"])
        losses = 1 / (np.arange(4) + 2.0 + number)
        return Curve(losses, losses + 0.5, seconds[number] * np.arange(1, 5))

    space = SearchSpace("x", lambda trial: {"x": trial.suggest_int("x", 0, 9)})
    return CurveTask("speed", space, TrialLength(4, 1), LossRange(0, 1), LossRange(0.5, 1.5), lambda: look_up, "")


def test_workers_train_at_their_own_speed_on_one_clock() -> None:
    searcher = Scripted([0, 1], epochs=9)
    simulation = Simulation(speed_task([1.0, 3.0]), searcher, workers=2, budget=8)
    simulation.run()
    assert searcher.seen == [(0, 1), (0, 2), (1, 1), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)]
    trace = simulation.trace("scripted", 0)
    assert (trace.epochs, trace.trials, trace.seconds) == (8, 2, 12.0)
    assert trace.idle == pytest.approx(1 - 16 / 24)
    assert [step[0] for step in trace.steps] == [1, 2, 4, 5, 8]
    assert trace.regrets(3) == pytest.approx((1 / 3, 1 / 3))
    assert trace.regrets(0) == (1.0, 1.0)


def test_a_paused_trial_continues_where_it_was_and_the_budget_ends_the_search() -> None:
    searcher = Scripted([0, 1, 0, 1], epochs=2)
    simulation = Simulation(speed_task([1.0, 1.0]), searcher, workers=1, budget=7)
    simulation.run()
    assert searcher.seen == [(0, 1), (0, 2), (1, 1), (1, 2), (0, 3), (0, 4), (1, 3)]
    assert simulation.epochs == 7


def test_a_diverged_trial_ends(tables: Path) -> None:
    task = read_tables(tables)["taskset/tiny"]
    searcher = make_searcher("random+none", task, 0)
    ended: list[tuple[int, float]] = []
    end = searcher.end

    def watch(number: int, epoch: int, loss: float, seconds: float) -> None:
        ended.append((epoch, loss))
        end(number, epoch, loss, seconds)

    searcher.end = watch  # type: ignore[method-assign]
    simulation = Simulation(task, searcher, workers=2, budget=ROWS * EPOCHS // 2)
    simulation.run()
    diverged = [epoch for epoch, loss in ended if not math.isfinite(loss)]
    assert diverged
    assert set(diverged) == {3}
    assert {epoch for epoch, loss in ended if math.isfinite(loss)} == {EPOCHS}


def test_budgets_ranks_and_report_agree(
    finished: tuple[Path, ArenaSpec, ArenaResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, results = finished
    assert len(results.traces) == 2 * 2 * len(METHODS)
    assert {trace.epochs for trace in results.traces} == {4 * EPOCHS}
    assert len(results.rankings) == 2 * 2 * 2
    for r in results.rankings:
        assert sum(r.ranking.ranks) == pytest.approx(sum(range(1, len(METHODS) + 1)))
    by_budget = {r.full_trainings: dict(zip(r.ranking.methods, r.regrets, strict=True)) for r in results.rankings[::4]}
    assert all(by_budget[4][method] <= by_budget[2][method] for method in METHODS)
    text = to_markdown(make_arena_document(results))
    assert "3 workers, 4 full trainings" in text
    assert "rank, validation, budget 4" in text
    assert " UTC" in text
    assert to_html(make_arena_document(results)) == (folder / "report.html").read_text()
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_arena_document(results), METHODS) == []


def test_verify_simulates_again(finished: tuple[Path, ArenaSpec, ArenaResults]) -> None:
    folder, _, _ = finished
    original = (folder / RESULTS).read_text()
    content = json.loads(original)
    content["searches"][1]["steps"][-1][2] += 1e-9
    (folder / RESULTS).write_text(json.dumps(content))
    of_file, of_search, *others = verify(folder)
    (folder / RESULTS).write_text(original)
    assert "its sha256 is not the lock's" in of_file
    assert "taskset/tiny, random+asha, 1 workers, repetition 0: regret" in of_search
    assert all(text.startswith("machine's ") for text in others)  # what is said where anything differs


def test_an_interrupted_benchmark_continues(finished: tuple[Path, ArenaSpec, ArenaResults], tmp_path: Path) -> None:
    source, spec, results = finished
    folder = tmp_path / "again"

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_arena(spec, folder, interrupt)
    assert len((folder / "searches.jsonl").read_text().splitlines()) == 1
    again = run_arena(spec, folder, lambda text: None)
    assert [t.steps for t in again.traces] == [t.steps for t in results.traces]
    assert (folder / RESULTS).read_bytes() == (source / RESULTS).read_bytes()


def test_the_command_compares_on_tables(tables: Path, tmp_path: Path) -> None:
    options = ["--tables", str(tables), "--tasks", "taskset/tiny", "--methods", "random+asha,random+none"]
    sizes = ["--seeds", "2", "--full-trials", "1,2", "--workers", "2", "--output", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, ["search", *options, *sizes])
    assert outcome.exit_code == 0, outcome.output
    assert "2 workers, 2 full trainings: " in outcome.output
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ("taskset/tinny",)}, "Unknown task 'taskset/tinny'. Did you mean 'taskset/tiny'"),
        ({"methods": ("tpe+asha",)}, "two or more different methods"),
        ({"methods": ("SMAC", "tpe+asha")}, "Unknown method 'SMAC'"),
        ({"workers": (0,)}, "--workers must be 1 or more, got 0"),
        ({"repetitions": 0}, "--seeds must be 1 or more, got 0"),
        ({"full_trainings": (0, 1)}, "--full-trials must be 1 or more, got 0, 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(tables: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("+", r"\+")):
        check_arena(ArenaSpec(**{"tables": str(tables), "tasks": ("taskset/tiny",), **changes}))  # type: ignore[arg-type]


def test_tables_that_cannot_be_read_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no learning curves.*`git clone .*yahpo_data` and `git clone .*DyHPO`"):
        read_tables(tmp_path)
    (tmp_path / "taskset").mkdir()
    np.savez(tmp_path / "taskset" / "other.npz", names=np.array(["lr"]))
    with pytest.raises(UserError, match=r"other\.npz' is not a table of TaskSet"):
        read_tables(tmp_path)
    write_lcbench(tmp_path / "lcbench")
    (tmp_path / "lcbench" / "encoding.json").unlink()
    with pytest.raises(UserError, match=r"it lacks encoding\.json"):
        read_tables(tmp_path)
