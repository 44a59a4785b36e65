"""Search spaces: plain Optuna in a bare study, branches and all; found by name, by file and by entry point."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

import trainables
from search_spaces import SearchSpace, UserError, as_space, get_space, space_names, unknown
from search_spaces.distributions import contains, read_domain
from search_spaces.values import pack, unpack

optuna.logging.set_verbosity(optuna.logging.WARNING)


HIGHEST = 8  # of a space below


def drawn(space: SearchSpace, trials: int = 40) -> optuna.Study:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))

    def objective(trial: optuna.Trial) -> float:
        trial.set_user_attr("config", space(trial))
        return trial.number

    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.parametrize("name", space_names())
def test_a_space_serves_a_bare_study(name: str) -> None:
    space = get_space(name)
    assert space.name == name
    known = space.distributions()
    for trial in drawn(space).trials:
        config = trial.user_attrs["config"]
        assert json.loads(json.dumps(config)) == config
        assert space.config(trial.params) == config
        assert {key: known[key] for key in trial.distributions} == trial.distributions
    assert space.describe() == json.loads(json.dumps(space.describe()))


def test_a_function_is_drawn_from_again_for_another_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, where a cell changes a bound and the next one searches again."""
    bounds = [1]

    def space(trial: optuna.trial.BaseTrial) -> dict[str, object]:
        return {"width": trial.suggest_int("width", 1, HIGHEST * bounds[0])}

    for factor, highest in ((1, 8), (2, 8), (2, 16)):
        bounds[0] = factor
        monkeypatch.setitem(globals(), "HIGHEST", highest)
        assert as_space(space, "space").distributions() == {"width": IntDistribution(1, factor * highest)}


def test_parameters_of_a_branch_are_drawn_in_it_alone() -> None:
    for trial in drawn(get_space("mnist")).trials:
        assert ("channels" in trial.params) == (trial.params["family"] == "cnn")
        assert ("width_1" in trial.params) == (trial.params["family"] == "mlp")
        assert ("rotation" in trial.params) == trial.params["augment"]
    for trial in drawn(get_space("mlp")).trials:
        widths = [name for name in trial.params if name.startswith("width_")]
        assert len(widths) == trial.params["n_layers"] == len(trial.user_attrs["config"]["hidden_sizes"])
    for trial in drawn(get_space("tabular")).trials:
        assert ("num_leaves" in trial.params) == (trial.params["family"] == "boosting")
        assert ("n_bins" in trial.params) == (trial.params.get("embedding") == "piecewise")
        assert ("block_width" in trial.params) == (trial.params.get("n_blocks") == 1)


def test_small_tables_get_small_batches() -> None:
    sizes = {name: get_space(name).distributions()["batch_size"] for name in ("mlp", "mlp_small")}
    assert max(sizes["mlp_small"].choices) < max(sizes["mlp"].choices)  # type: ignore[attr-defined]


def test_a_branch_is_the_first_parameter_of_its_space() -> None:
    for name in space_names():
        space = get_space(name)
        if space.branch is not None:
            first = {next(iter(trial.params)) for trial in drawn(space).trials}
            assert first == {space.branch}, "a branch is drawn before all others"
            domain = space.distributions()[space.branch]
            assert isinstance(domain, optuna.distributions.CategoricalDistribution)


def test_fixed_parameters_must_be_complete_and_known() -> None:
    space = get_space("mlp")
    params = {"n_layers": 1, "width_1": 8, "dropout": 0.0, "lr": 1e-3, "weight_decay": 1e-4, "batch_size": 64}
    assert space.config(params)["hidden_sizes"] == [8]
    with pytest.raises(ValueError, match="width_1"):
        space.config({name: value for name, value in params.items() if name != "width_1"})
    with pytest.raises(ValueError, match="65"):
        space.config(params | {"batch_size": 65})


@pytest.mark.parametrize(
    ("task", "name", "space"),
    [
        ("wine", None, "tabular_small"),
        ("california_housing", None, "tabular"),
        ("california_housing", "small", "tabular_small"),
        ("california_housing", "mlp_small", "mlp_small"),
        ("mnist", None, "mnist"),
        ("kogpt2", None, "kogpt2_standin"),
        ("kogpt2", "kogpt2", "kogpt2"),
    ],
)
def test_a_short_name_leads_to_a_space_that_fits_the_task(task: str, name: str | None, space: str) -> None:
    assert trainables.get_task(task).space(name).name == space


@pytest.mark.parametrize("task", ["mnist", "kogpt2"])
def test_no_space_of_other_tasks_is_taken_for_a_short_name(task: str) -> None:
    with pytest.raises(UserError, match="Unknown search space 'small'"):
        trainables.get_task(task).space("small")


SPACE = "from search_spaces import SearchSpace\n\ndef suggest(trial):\n    {}\n\nspace = SearchSpace('mine', suggest)\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "does not exist"),
        ("import nothing_of_this_name", "does not run: ModuleNotFoundError"),
        ("raise SystemExit", "does not run: SystemExit"),
        ("space = 3", "got int"),
        ("x = 3", "got nothing"),
        (SPACE.format("return {}['lr']"), "cannot be drawn from: KeyError: 'lr'"),
        (SPACE.format("return {'lr': trial.suggest_float('lr', 2, 1)}"), "cannot be drawn from: ValueError"),
        (SPACE.format("trial.suggest_float('lr', 0, 1)"), "must return a dict of what fit takes, not NoneType"),
        (SPACE.format("raise ValueError('two\\nlines')"), "ValueError: two lines"),
    ],
)
def test_files_that_are_not_spaces_are_refused_in_one_sentence(code: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(UserError, match=says) as error:
        get_space(str(path))
    assert "\n" not in str(error.value)


def test_a_dict_of_another_librarys_domains_is_a_space() -> None:
    from ray import tune

    given = {
        "lr": tune.loguniform(1e-4, 1e-1),
        "layers": tune.randint(1, 4),
        "units": tune.qrandint(8, 32, 8),
        "net": {"act": tune.choice(["relu", (1, 2)]), "bias": True},
        "seed": tune.grid_search([1, 2]),
        "dropout": FloatDistribution(0.0, 0.5, step=0.25),
    }
    space: SearchSpace = pickle.loads(pickle.dumps(as_space(given, "space=")))
    assert space.distributions() == {
        "dropout": FloatDistribution(0.0, 0.5, step=0.25),
        "layers": IntDistribution(1, 3),
        "lr": FloatDistribution(1e-4, 1e-1, log=True),
        "net.act": CategoricalDistribution(("relu", "(1, 2)")),
        "seed": CategoricalDistribution((1, 2)),
        "units": IntDistribution(8, 32, step=8),
    }
    params = {"lr": 0.01, "layers": 2, "units": 8, "net.act": (1, 2), "seed": 1, "dropout": 0.25}
    assert space.config(params)["net"] == {"act": (1, 2), "bias": True}
    with pytest.raises(UserError, match=r"space=: 'lr' cannot be drawn.*Give a function: def space"):
        as_space({"lr": tune.randn(0, 1)}, "space=")


def test_an_error_lists_as_many_names_as_people_read() -> None:
    said = str(unknown("column", "x1", [f"column_{i}" for i in range(5_000)]))
    assert said.endswith("… (5,000).")
    assert len(said) < 1_000


def test_one_name_with_two_ranges_is_refused() -> None:
    with pytest.raises(UserError, match='Inconsistent parameter values for distribution with name "lr"'):
        as_space(lambda trial: {"a": trial.suggest_float("lr", 0, 1), "b": trial.suggest_float("lr", 0, 2)}, "space=")


def test_an_installed_space_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spaces_of_mine.py").write_text(SPACE.format("return {'lr': trial.suggest_float('lr', 0.1, 1)}"))
    info = tmp_path / "spaces_of_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spaces-of-mine\nVersion: 1.0\n")
    objects = {"cellar": "spaces_of_mine:space", "mlp": "spaces_of_mine:space", "gone": "not_installed:space"}
    names = [f"{name} = {value}" for name, value in (objects | {"odd": "spaces_of_mine:suggest"}).items()]
    (info / "entry_points.txt").write_text("[tunelab.spaces]\n" + "\n".join(names) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(get_space("cellar").distributions()) == {"lr"}
    assert trainables.get_task("wine").space("cellar").name == "mine"
    assert get_space("mlp").name == "mlp"
    with pytest.raises(UserError, match=r"'gone'.*does not load: ModuleNotFoundError"):
        get_space("gone")
    assert set(get_space("odd").distributions()) == {"lr"}  # a plain function
    with pytest.raises(UserError, match="Did you mean 'cellar'"):
        get_space("celar")


def test_listing_spaces_loads_nothing() -> None:
    heavy = ["torch", "ray", "optuna", "pandas"]
    code = f"import sys, search_spaces as s; s.space_names(); print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def own_space(tmp_path: Path, body: str) -> SearchSpace:
    path = tmp_path / "own.py"
    path.write_text(f"import numpy as np\n{SPACE.format(body)}")
    return get_space(str(path))


VALUES = [  # what a space may draw, how Optuna knows it, and what fit, records and reports have
    ("trial.suggest_categorical('x', [(8,), (16, 8)])", ["(8,)", "(16, 8)"], [(8,), (16, 8)]),
    (
        "trial.suggest_categorical('x', [{'a': 1}, {'a': (2, 3)}])",
        ['{"a": 1}', '{"a": [2, 3]}'],
        [{"a": 1}, {"a": (2, 3)}],
    ),
    (
        "trial.suggest_categorical('x', [{1: 'a'}, [None, (2,)]])",
        ['{"1": "a"}', "[None, (2,)]"],
        [{1: "a"}, [None, (2,)]],
    ),
    ("trial.suggest_categorical('x', np.array([16, 32]))", [16, 32], [16, 32]),
    ("trial.suggest_categorical('x', [None, True, 'None'])", [None, True, "None"], [None, True, "None"]),
    ("trial.suggest_categorical('x', [np.float32(0.5), np.str_('a')])", [0.5, "a"], [0.5, "a"]),
    ("trial.suggest_categorical('x', ['(1,)', (1,)])", ["(1,)", "(1,) #1"], ["(1,)", (1,)]),
    ("trial.suggest_categorical('x', [abs, round])(-1)", ["abs", "round"], [1, -1]),
    (
        "trial.suggest_categorical('x', [np.zeros(2), np.ones(2)])",
        ["[0.0, 0.0]", "[1.0, 1.0]"],
        [[0.0, 0.0], [1.0, 1.0]],
    ),
]


@pytest.mark.parametrize(("drawing", "stored", "given"), VALUES)
def test_choices_of_any_type_are_named_as_text_and_given_back_as_written(
    drawing: str, stored: list[object], given: list[object], tmp_path: Path
) -> None:
    space = own_space(tmp_path, f"return {{'x': {drawing}}}")
    assert space.distributions()["x"].choices == tuple(stored)  # type: ignore[attr-defined]
    assert [space.config({"x": value})["x"] for value in json.loads(json.dumps(stored))] == given
    for trial in drawn(space, 10).trials:
        config = space.config(trial.params)
        assert unpack(json.loads(json.dumps(pack(config)))) == config
        values = space.values(trial.params)
        assert space.named(values) == trial.params
        assert space.config(values) == config
        assert values["x"] == config["x"] or "(-1)" in drawing  # a function stays text
        domain = read_domain(unpack(json.loads(json.dumps(pack(space.describe())))).pop("x"))
        assert contains(domain, values["x"])


def test_bounds_may_be_numpy_and_depend_on_another_parameter(tmp_path: Path) -> None:
    body = (
        "n = trial.suggest_int('n', np.int64(1), np.int32(3)); return {'w': trial.suggest_int('w', 8, 8 * n, step=4)}"
    )
    space = own_space(tmp_path, body)
    known = space.distributions()["w"]
    assert (known.low, known.high, known.step) == (8, 24, 4)  # type: ignore[attr-defined]
    assert {trial.params["w"] > 8 for trial in drawn(space).trials} == {True, False}
    with pytest.raises(UserError, match="choices of 'w' depend on another parameter"):
        own_space(tmp_path, "n = trial.suggest_int('n', 1, 2); return {'w': trial.suggest_categorical('w', range(n))}")


def test_a_space_without_parameters_is_one_configuration(tmp_path: Path) -> None:
    space = own_space(tmp_path, "return {'lr': 0.1}")
    assert space.distributions() == {}
    assert space.config({}) == {"lr": 0.1}


def test_a_choice_that_is_not_a_number_is_found_again_in_a_journal(tmp_path: Path) -> None:
    space = own_space(tmp_path, "return {'x': repr(trial.suggest_categorical('x', [1.0, np.nan, np.inf]))}")
    restored = [space.config(json.loads(json.dumps({"x": value}))) for value in (1.0, float("nan"), float("inf"))]
    assert restored == [{"x": "1.0"}, {"x": "nan"}, {"x": "inf"}]


@pytest.mark.parametrize(
    "body",
    [
        r"return {'x': trial.suggest_categorical('x', ['\udc80', 'b']) == 'b'}",
        r"return {'x': trial.suggest_float('a\udc80', 0, 1)}",
        r"return {'x\ud800': 1}",
        r"return {'x': [{'\ud800': 1}]}",
        r"return {'x': ('\udfff',)}",
    ],
)
def test_half_of_a_character_is_refused_before_a_search(tmp_path: Path, body: str) -> None:
    with pytest.raises(UserError, match="half of a character, which cannot be stored"):
        own_space(tmp_path, body)


def test_a_configuration_that_cannot_be_stored_is_refused_before_a_search(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"suggest gives x = .*, a .*function.*, which cannot be stored"):
        own_space(tmp_path, "return {'x': max}")


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (IntDistribution(1, 9, step=4), [1, 5, 9], [0, 2, 13, "one"]),
        (IntDistribution(8, 512, log=True), [8, 512], [7, 513]),
        (FloatDistribution(0.1, 0.9, step=0.1), [0.1, 0.3, 0.9], [0.0, 0.25, 1.0, "low"]),
        (FloatDistribution(1e-4, 1.0, log=True), [1e-4, 0.5], [1e-5, 2.0, float("nan")]),
        (CategoricalDistribution((True, "a", 3)), [True, "a", 3], [False, "b", 4]),
    ],
)
def test_what_lies_in_a_distribution(distribution: BaseDistribution, inside: list[Any], outside: list[Any]) -> None:
    assert [contains(distribution, value) for value in inside] == [True] * len(inside)
    assert [contains(distribution, value) for value in outside] == [False] * len(outside)
