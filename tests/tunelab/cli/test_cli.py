"""The command line: bad input is one sentence, exit code 2 and nothing written; data goes to stdout, the rest not."""

from __future__ import annotations

import errno
import io
import json
import math
import re
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.results import made_up_result
from trainables.wine import Wine
from tunelab.cli.commands import COMMANDS, load_command
from tunelab.cli.main import main
from tunelab.cli.sweep import spec_of
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.records.spec_file import read_spec_file
from tunelab.records.spec_option import shown_as
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.journal import FILE

REFUSED = {
    "sweep wime": "Did you mean 'wine'?",
    "sweep": "Which task?",
    "wine": "Type: tunelab sweep wine",
    "rows.csv": "Type: tunelab sweep table --data rows.csv --target COLUMN, one of: x, y, day, rare.",
    "sweep rows.csv": "Type: tunelab sweep table --data rows.csv --target COLUMN, one of: x, y, day, rare.",
    "sweep none.csv": "which does not exist. Type: tunelab sweep table --data none.csv",
    "sweep table --data rows.csv": "Add --target with one of: x, y, day, rare.",
    "--trials 3 sweep wine": "Options come after the command: tunelab sweep ... --trials",
    "bench gen": "Did you mean 'generation'?",
    "space": "Which task?",
    "space wime": "Did you mean 'wine'?",
    "sweep ./taken_task.py --seed 1 --new 3": "declares the option 'seed', which every sweep has",
    "sweep ./options_task.py --alpha x": "--alpha must be a number, got 'x'",
    "sweep ./options_task.py --alpa 3": "Did you mean '--alpha'?",
    "sweep wine --trials 0": "--trials",
    "sweep wine --max-epochs 0": "--max-epochs",
    "sweep wine --sampler tp": "Did you mean 'tpe'?",
    "sweep wine --scheduler asho": "Did you mean 'asha'?",
    "sweep wine --grace-period 9 --max-epochs 3": "--grace-period 9 is above --max-epochs 3",
    "sweep wine --gpus-per-trial 0.3": "--gpus-per-trial 0.3",
    "sweep wine --gpus-per-trial 1.5": "--gpus-per-trial must be",
    "sweep wine --config missing.yaml": "cannot be read",
    "sweep wine --config broken.yaml": "not valid YAML",
    "sweep wine --config list.yaml": "must hold keys",
    "sweep wine --config unknown.yaml": "Did you mean 'trials'?",
    "sweep wine --tracking-uri ftp://host/x": "not a store that can be used",
    "sweep wine --tracking-uri http://127.0.0.1:9": "no MLflow store answers there",
    "sweep wine --tracking-uri sqlite:///no/folder.txt/x.db": "cannot be",
    "sweep wine --tracking-uri sqlite:////proc/x.db": "cannot be",
    "sweep wine --tracking-uri sqlite:///no": "not an sqlite database",
    "sweep wine --tracking-uri sqlite:///no/folder.txt": "not an sqlite database",
    "sweep wine --tracking-uri sqlite:///": "names no file",
    "sweep wine --tracking-uri sqlite:x": "names no file",
    "sweep wine --tracking-uri=": "not a store that can be used",
    "sweep wine --config twice.yaml": "'trials' is given twice",
    "sweep wine --tracking-uri http://[::1": "not a store that can be used",
    "sweep wine --tracking-uri postgresql+nope://u:hunter2@host/x": "cannot be read",
    "sweep wine --tracking-uri postgresql+psycopg2://u:hunter2@127.0.0.1:9/x": "Connection refused",
    "sweep wine --storage foo://u:hunter2@x/y": "not a folder or URI",
    "sweep wine --storage /proc/x": "The folder '/proc/x' cannot be written",
    "sweep ./wine_again.py": "'facts.name' is 'wine', which ships with tunelab",
    "sweep ./far_task.py": "lr=5.0 lies outside the space",
    "sweep ./slip_task.py": "target names 'strenght', which read() does not give: a, strength",
    "sweep ./leak_task.py": "numeric holds the target 'strength'",
    "sweep ./none_task.py": "read() must return a pandas DataFrame, got NoneType",
    "sweep ./raising_task.py": "cannot load its data: ZeroDivisionError: division by zero (raising_task.py, line 14)",
    "compare a b --ui nowhere": "--ui 'nowhere' must be the address of a server",
    "results --tracking-uri sqlite:///nothing.db": "There is no store at",
    "sweep wine --cpus-per-trial 64": "--cpus-per-trial 64",
    "sweep wine --address nowhere": "must be host:port",
    "sweep auto_mpg": "'auto_mpg.csv.gz' is damaged",
    "sweep mnist --data-dir no": "lacks train-images-idx3-ubyte",
    "sweep wine --trials x": "--trials should be a valid integer, got 'x'",
    "sweep wine --trails 3": "Did you mean '--trials'?",
    "sweep wine --trials": "requires an argument",
    "sweep wine beer": "unexpected extra argument(s) (beer)",
    "sweap wine": "Did you mean 'sweep'?",
    "sweep wine --set lrr=1": "Did you mean 'lr'?",
    "sweep wine --set lr=7": "must lie between",
    "sweep wine --set lr": "NAME=VALUE",
    "sweep wine --target price": "takes no --target",
    "sweep wine --name ../up": "--name",
    "sweep wine --time-budget soon": "e.g. 10m",
    "sweep wine --space nowhere": "Unknown search space",
    "sweep wine --space ./odd_space.py": "cannot be drawn from: KeyError: 'lr'",
    "sweep mnist --space tabbular": "Unknown search space",
    "sweep ./nothing.py": "does not exist",
    "sweep ./needy_task.py": "cannot be made: TypeError",
    "sweep table --data few.csv --target y": "3 usable rows",
    "sweep table --data few.csv --target nothing": "Unknown column 'nothing'",
    "sweep table --data nothing.csv --target y": "does not exist",
    "sweep table --data rows.csv --target rare": "two are needed",
    "sweep table --data rows.csv --target y --group-column rare": "2 group(s)",
    "sweep table --data rows.csv --target y --time-column day": "may be day first or month first",
    "sweep table --data rows.csv --target y --split-column rare": "must say train, validation or test",
    "sweep table --data rows.csv --target y --kind binary": "needs exactly 2",
    "sweep table --data rows.csv --target y --ignore x,day,rare": "No column is left",
    "sweep table --data rows.json --target y": "is JSON",
    "sweep table --config types.yaml": "--target of task 'table' must be text, got 5",
    "check-task ./needy_task.py": "cannot be made: TypeError",
    "sweep wine --config switch.yaml": "--trials cannot be true or false",
    "sweep wine --config value.yaml": "--set lr must be a number, a text, true or false",
    "resume nothing": "No sweep 'nothing'",
    "results nothing": "There is no store at",
    "results --tracking-uri off": "--tracking-uri off names no store",
    "results --tracking-uri foo": "not a store that can be used",
    "results --tracking-uri sqlite:///no/folder.txt": "not an sqlite database",
    "results --tracking-uri http://127.0.0.1:9": "answers there (Connection refused)",
    "report nothing": "There is no store at",
    "reproduce 0123456789": "There is no store at",
    "predict nothing unknown.yaml": "There is no store at",
    "compare nothing": "two or more sweeps",
    "compare a b": "There is no store at",
    "ui": "There is no store at",
    "clean --tracking-uri foo": "not a store that can be used",
}

OWN_TASK = """
import pandas as pd
from dataclasses import replace
from trainables import TabularTask
from trainables.california_housing import CaliforniaHousing

class Own(TabularTask):
    facts = replace(CaliforniaHousing.facts, name="own")
    reference = CaliforniaHousing.reference
    target = "strength"
    numeric = ("a",)

    def read(self):
        return pd.DataFrame({"a": range(100), "strength": range(100)})
"""

OPTIONS_TASK = (
    OWN_TASK.replace("import TabularTask", "import TabularTask, TaskOption")
    + """
    options = (TaskOption("alpha", "Made up.", type=float),)

    def __init__(self, alpha=0.0):
        self.alpha = alpha
"""
)

FILES = {  # what the lines name
    "wine_again.py": "from trainables.wine import Wine\nclass Again(Wine): ...\n",
    "far_task.py": OWN_TASK.replace("CaliforniaHousing.reference\n", "{**CaliforniaHousing.reference, 'lr': 5.0}\n"),
    "slip_task.py": OWN_TASK.replace('target = "strength"', 'target = "strenght"'),
    "leak_task.py": OWN_TASK.replace('("a",)', '("a", "strength")'),
    "taken_task.py": OPTIONS_TASK.replace("alpha", "seed"),
    "options_task.py": OPTIONS_TASK,
    "none_task.py": OWN_TASK.replace("return", "_ ="),
    "raising_task.py": OWN_TASK.replace("return", "return 1 / 0 or"),
    "own.yaml": "task: ./options_task.py\nalpha: 2.0\n",
    "broken.yaml": "trials: [1\n",
    "nothing.db": "",
    "twice.yaml": "trials: 4\nseed: 1\ntrials: 5\n",
    "list.yaml": "- 1\n",
    "unknown.yaml": "trails: 3\n",
    "switch.yaml": "trials: yes\n",
    "value.yaml": "set: {lr: [1]}\n",
    "types.yaml": "task_options: {data: rows.csv, target: 5}\n",
    "no/folder.txt": "a file, no folder",
    "few.csv": "x,y\n1,2\n2,3\n3,5\n",
    "rows.csv": "x,y,day,rare\n" + "".join(f"{i * i},{i * 1.5},01/0{i % 9 + 1}/2024,{i == 0}\n" for i in range(40)),
    "rows.json": '[{"x": 1, "y": 2}]\n',
    "odd_space.py": "import search_spaces\nspace = search_spaces.SearchSpace('odd', lambda t: t.params['lr'])\n",
    "needy_task.py": "from trainables.wine import Wine\nclass Needy(Wine):\n    def __init__(self, path): ...\n",
}


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    monkeypatch.setattr(sys, "argv", ["tunelab", *line.split()])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def files(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files that are wrong, among them a data set that is not what was shipped."""
    for name, content in FILES.items():
        (in_folder / name).parent.mkdir(exist_ok=True)
        (in_folder / name).write_text(content, encoding="utf-8")
    monkeypatch.setattr("trainables.base.contract.files.bundled.checksums", lambda: {"auto_mpg.csv.gz": "0" * 64})
    return in_folder


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    line: str, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(files.rglob("*"))
    code, out, err = run(capsys, monkeypatch, line)
    assert code == 2, err
    assert REFUSED[line] in err
    assert err.startswith("tunelab: ")
    assert len(err.splitlines()) == 1
    assert "hunter2" not in err
    assert out == ""
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "sentence"),
    {
        "results nothing": "holds none",
        "report nothing": "No sweep 'nothing'",
        "reproduce 0123456789": "is not a run",
        "compare a b": "No sweep 'a'",
    }.items(),
)
def test_what_a_store_does_not_hold_is_one_sentence(
    line: str, sentence: str, store_uri: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(capsys, monkeypatch, f"{line} --tracking-uri {store_uri}")
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_file_takes_what_the_command_line_takes(files: Path) -> None:
    (files / "all.yaml").write_text(
        "task: table\ntrials: 3\ndata: a.csv\ntarget: price\nignore: [id]\ntracking-uri: off\nset: {lr: 0.1}\n"
        "task_options: {kind: binary}\n",
        encoding="utf-8",
    )
    values = read_spec_file(files / "all.yaml")
    assert values["task_options"] == {"data": "a.csv", "target": "price", "ignore": ["id"], "kind": "binary"}
    spec = make_spec(values)
    assert (spec.trials, spec.tracking_uri, spec.fixed) == (3, "off", {"lr": 0.1})


def test_a_file_may_override_what_it_merges_in(files: Path) -> None:
    (files / "merged.yaml").write_text("set: &usual {lr: 0.1, dropout: 0.2}\ntask_options: {<<: *usual, lr: 0.3}\n")
    assert read_spec_file(files / "merged.yaml")["task_options"] == {"lr": 0.3, "dropout": 0.2}


def test_an_unwritable_store_is_refused(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_folder / "mlruns").write_text("a file where the folder should be", encoding="utf-8")
    code, _, err = run(capsys, monkeypatch, "sweep wine --trials 1")
    assert code == 2
    assert "cannot be" in err
    assert (in_folder / "mlruns").read_text(encoding="utf-8") == "a file where the folder should be"


def test_tasks_can_be_read_by_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(capsys, monkeypatch, "tasks --json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert {"california_housing", "auto_mpg", "diamonds", "boston_housing", "heart_disease", "wine"} <= set(rows)
    assert rows["california_housing"]["unit"] == "100,000 $"


def made_up(*, stopped: str) -> SweepResult:
    """A result with a figure that no JSON can hold."""
    epoch = Epoch(1, 0.5, {"train_loss": math.inf}, 1.0)
    trial = TrialRecord(0, {}, {"lr": 0.1}, 0, 9, TrialStatus.FINISHED, (epoch,))
    best = replace(Best.from_trial(trial), test={"r2": math.nan})
    return replace(made_up_result([trial], replace(Wine.facts, score="r2")), stopped=stopped, best=best)


def test_json_holds_no_nan(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunelab.run.run_sweep", lambda spec, display: made_up(stopped=""))
    code, out, _ = run(capsys, monkeypatch, "sweep wine --json")
    assert code == 0
    summary = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert summary["best"]["test"] == {"r2": None}
    assert summary["best"]["val_loss"] == 0.5


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_closed_terminal_changes_no_exit_code(
    options: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("tunelab.run.run_sweep", lambda spec, display: made_up(stopped="interrupted"))
    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    code, _, _ = run(capsys, monkeypatch, f"sweep wine {options}")
    sys.stdout.close()  # what the command put in its place
    assert code == 130


@pytest.mark.usefixtures("files")
def test_a_users_own_task_has_its_own_options() -> None:
    words = ["./options_task.py", "--alpha", "0.5", "--trials", "3"]
    assert spec_of_words(words).task_options == {"alpha": 0.5}
    assert spec_of_words(["--config", "own.yaml"]).task_options == {"alpha": 2.0}
    command = load_command("sweep", words)
    help_text = command.get_help(command.make_context("sweep", []))
    assert "--alpha VALUE" in help_text
    assert "Made up." in help_text


def test_the_help_of_a_named_task_has_its_own_options_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, of_all, _ = run(capsys, monkeypatch, "sweep -h")
    options = of_all[of_all.index("Your data:") : of_all.index("Store:")]
    told = [text.strip().removeprefix("--data VALUE").strip() for text in options.splitlines()]
    assert "table: Table to learn from: CSV or TSV (also" in told  # a line of its own for each task
    assert any(text.endswith("california_housing, diamonds: Rows by") for text in told)
    _, of_one, _ = run(capsys, monkeypatch, "sweep series -h")
    options = of_one[of_one.index("Your data:") : of_one.index("Store:")]
    assert "--horizon VALUE" in options
    assert [other for other in ("table:", "series:", "--side", "--kind") if other in options] == []


def spec_of_words(words: list[str]) -> SweepSpec:
    """What a command line asks for."""
    context = load_command("sweep", words).make_context("sweep", list(words))
    return spec_of({name: list(value) if isinstance(value, tuple) else value for name, value in context.params.items()})


@pytest.mark.parametrize("line", ["", "--help", "-h"])
def test_the_help_of_tunelab_fits_a_small_window(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, err = run(capsys, monkeypatch, line)
    lines = (out + err).rstrip("\n").splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80
    assert all(any(text.split()[:1] == [name] for text in lines) for name in COMMANDS)


@pytest.mark.parametrize(
    ("command", "usage", "options"),
    [
        ("report", "SWEEP", ["--output PATH", "--tracking-uri URI"]),
        ("compare", "SWEEPS...", ["--output PATH", "--ui URL"]),
        ("predict", "MODEL INPUT...", ["--output FILE"]),
        ("reproduce", "SWEEP|RUN [TRIAL]", ["--tracking-uri URI"]),
        ("steer", "SWEEP COMMAND [VALUE...]", ["--epoch N"]),
        ("bench speed", "", ["--max-epochs N", "--output PATH"]),
        ("bench generation", "[SPEC]", ["--repeats N", "--temperature VALUES"]),
    ],
)
def test_a_help_says_what_kind_of_value_each_argument_and_option_takes(
    command: str, usage: str, options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    _, out, _ = run(capsys, monkeypatch, f"{command} --help")
    assert out.splitlines()[0] == f"Usage: tunelab {command} [OPTIONS] {usage}".rstrip()
    shown = " ".join(out.split())
    assert [option for option in options if option not in shown] == []


def test_examples_in_a_help_can_be_copied(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(capsys, monkeypatch, "bench search -h")
    joined = re.sub(r" \\\n +", " ", out)
    examples = [text.strip() for text in joined.splitlines() if text.startswith(" " * 6 + "tunelab")]
    assert "tunelab bench search --tables curves --methods tpe+asha,random+asha --workers 1,8 --seeds 5" in examples
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_of_a_sweep_has_panels_defaults_and_choices(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, monkeypatch, "sweep -h")
    assert code == 0
    titles = [text.rstrip(":") for text in out.splitlines() if re.fullmatch(r"[A-Z][a-z]+( [a-z]+)?:", text)]
    assert titles == ["Arguments", "Budget", "Search", "Trust", "Resources", "Your data", "Store", "Options"]
    assert "--sampler curves|tpe" in out
    shown = " ".join(out.split())
    for field in SweepSpec.model_fields.values():
        if shown_as(field) is not None:
            assert str(field.description) in shown
    assert "Seed of the proposals and of every trial. [default: 0]" in shown
    assert "--retries N Number of times a trial is started again after its worker died or hung. [default: 1]" in shown


def test_the_printed_config_asks_for_the_same_sweep(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "sweep ./options_task.py --alpha 0.5 --trials 3 --set lr=0.01 --confirm-top 0 --seed 7 --time-budget 2h"
    code, out, _ = run(capsys, monkeypatch, f"{line} --print-config")
    assert code == 0
    (files / "again.yaml").write_text(out, encoding="utf-8")
    code, again, _ = run(capsys, monkeypatch, "sweep --config again.yaml --print-config")
    assert (code, again) == (0, out)
    spec = make_spec(read_spec_file(files / "again.yaml"))
    assert (spec.trials, spec.seed, spec.confirm_top, spec.time_budget) == (3, 7, 0, 7200.0)
    assert (spec.fixed, spec.task_options) == ({"lr": 0.01}, {"alpha": 0.5})


@pytest.mark.parametrize(
    ("words", "expected"),
    {
        "tunelab sweep wi": "wine",
        "tunelab swe": "sweep",
        "tunelab sweep wine --confirm-t": "--confirm-top",
        "tunelab sweep ./options_task.py --al": "--alpha",
        "tunelab results ri": "rioja",
        "tunelab sweep wine --sampler r": "random",
    }.items(),
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_tasks_sweeps_and_options(
    shell: str,
    words: str,
    expected: str,
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = files / "mlruns" / "sweeps" / "rioja"
    folder.mkdir(parents=True)
    (folder / FILE).touch()
    monkeypatch.setenv("_TUNELAB_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", words)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    code, out, _ = run(capsys, monkeypatch, "")
    assert code == 0
    assert expected in out


def test_a_used_port_is_said(
    store_uri: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, monkeypatch, f"results --tracking-uri {store_uri}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run(capsys, monkeypatch, f"ui --port {port} --tracking-uri {store_uri}")
    assert (code, out) == (2, "")
    assert f"--port {port} is used by another program on 127.0.0.1. Give another, e.g. --port" in err
