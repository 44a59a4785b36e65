"""Every YAML file that is read, through each of its doors: no code, no key twice, no small file that becomes large."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.generation.plan.spec import read_spec
from benchmarks.tables.spec import read_tables
from search_spaces import UserError
from tunelab.records.spec_file import read_spec_file

DOORS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "sweep": ("sweep.yaml", read_spec_file),
    "generation": ("bench.yaml", read_spec),
    "tables": ("tables.yaml", lambda path: read_tables(path.parent)),
}


def laughs(repeat: str) -> str:
    """Ten levels, each of which names the one below nine times: a billion values, hours when they are written out."""
    lines = ["l0: &l0 {x: 1}"]
    for i in range(1, 11):
        lines.append(f"l{i}: &l{i} " + repeat.format(", ".join([f"*l{i - 1}"] * 9)))
    return "\n".join(lines) + "\n"


HOSTILE = {
    "lists": (laughs("[{}]"), "aliases repeat more than 100,000 values"),
    "merged": (laughs("{{<<: [{}]}}"), "aliases repeat more than 100,000 values"),
    "texts": ("a: &a " + "x" * 500_000 + "\nb: [" + ", ".join(["*a"] * 1_000) + "]\n", "repeat more than 100,000"),
    "itself": ("set: &a {x: *a}\n", "an alias is part of what it names"),
    "itself in a list": ("a: &a [1, [*a]]\n", "an alias is part of what it names"),
    "twice": ("name: a\nname: b\n", "'name' is given twice"),
    "twice below": ("set: {lr: 1, lr: 2}\n", "'lr' is given twice"),
    "twice in a list": ("tables: [{data: a, data: b}]\n", "'data' is given twice"),
    "code": ("a: !!python/object/apply:os.system ['touch pwned']\n", "could not determine a constructor"),
    "deep": ("[" * 5_000, "nested too deeply"),
    "number": ("a: " + "9" * 5_000, "not valid YAML"),
    "hexadecimal": ("trials: 0x" + "f" * 50_000, "a number has too many digits"),
    "sexagesimal": ("set: {lr: " + "1:" * 5_000 + "1}", "a number has too many digits"),
    "date": ("a: 2026-99-99", "not valid YAML"),
    "long": ("a: 1\n" + "#" * 2**20, "the most that is read"),
    "key": ("? [a]\n: 1\n", "not valid YAML"),
    "bytes": ("a: \udcff", "not UTF-8 text"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_sentence(in_folder: Path, door: str, kind: str) -> None:
    (name, read), (text, said) = DOORS[door], HOSTILE[kind]
    (in_folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=said) as refused:
        read(in_folder / name)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 3_000
    assert [path.name for path in in_folder.iterdir()] == [name]


def test_devices_without_end_are_refused() -> None:
    with pytest.raises(UserError, match="the most that is read"):
        read_spec_file(Path("/dev/zero"))


def test_aliases_as_people_write_them_are_read(in_folder: Path) -> None:
    text = "\ufeffset: &usual {lr: 0.1, dropout: 0.2}\ntask_options: {<<: *usual, lr: 0.3}\ntrials: &n 4\nseed: *n\n"
    (in_folder / "sweep.yaml").write_text(text, encoding="utf-8")
    found = read_spec_file(in_folder / "sweep.yaml")
    assert found["task_options"] == {"lr": 0.3, "dropout": 0.2}
    assert (found["trials"], found["seed"]) == (4, 4)
