"""Files and places that only a record names are not used; what this user named before is."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces import UserError
from tunelab.setup.named_files import named_files, named_places
from tunelab.system.trust import NOTES, Named, check_trusted, digest_of, remember, state_folder


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a test a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "tunelab"


@pytest.fixture
def file(tmp_path: Path) -> Named:
    path = tmp_path / "task.py"
    path.write_text("print(1)")
    return Named("task file", str(path))


def test_a_file_is_used_when_it_was_named_with_this_content(file: Named, state: Path) -> None:
    with pytest.raises(UserError, match=r"names the task file '.*task.py', which you have not run before"):
        check_trusted([file], [], "Sweep 'a'")
    check_trusted([file], [file.where], "Sweep 'a'")  # on the command line: for this once
    with pytest.raises(UserError, match=f"add --trust '{file.where}'"):
        check_trusted([file], [], "Sweep 'a'")
    remember([file])
    check_trusted([file], [], "Sweep 'a'")
    Path(file.where).write_text("print(2)")
    with pytest.raises(UserError, match="changed since you last ran it"):
        check_trusted([file], [], "Sweep 'a'")
    assert (state / NOTES).stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_the_same_content_elsewhere_is_another_file(file: Named, tmp_path: Path) -> None:
    remember([file])
    copy = tmp_path / "copy.py"
    copy.write_text("print(1)")
    with pytest.raises(UserError, match="not run before"):
        check_trusted([Named("task file", str(copy))], [], "Sweep 'a'")


def test_a_folder_counts_with_its_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("x")
    (folder / "b").write_text("y")
    model = Named("model", str(folder))
    remember([model])
    check_trusted([model], [], "A lock")
    before = digest_of(folder)
    (folder / "a").write_text("y")
    (folder / "b").write_text("x")
    assert digest_of(folder) != before
    with pytest.raises(UserError, match="changed since"):
        check_trusted([model], [], "A lock")


def test_what_was_never_named_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device or a pipe would never end."""
    with pytest.raises(UserError, match="'/dev/zero'"):
        check_trusted([Named("data file", "/dev/zero")], [], "Sweep 'a'")
    assert digest_of(Path("/dev/zero")) == ""


def test_notes_that_others_can_write_count_for_nothing(file: Named, state: Path) -> None:
    remember([file])
    (state / NOTES).chmod(0o666)
    with pytest.raises(UserError):
        check_trusted([file], [], "Sweep 'a'")


@pytest.mark.parametrize("home", ["", "relative", "/proc/1/none"])
def test_without_a_home_nothing_is_noted_and_nothing_fails(
    file: Named, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", home)
    remember([file])
    with pytest.raises(UserError):
        check_trusted([file], [], "Sweep 'a'")
    assert (state_folder() is None) == (home != "/proc/1/none")


def test_a_damaged_line_hides_no_other(file: Named, state: Path) -> None:
    remember([file])
    (state / NOTES).write_text("{half\n[1]\n\udcff\n".encode("utf-8", "replace").decode() + (state / NOTES).read_text())
    check_trusted([file], [], "Sweep 'a'")


def test_what_a_spec_names(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("a,b")
    spec = {
        "task": "mine.py",
        "space": "extended",
        "task_options": {"data": "houses.csv", "target": "b", "model": "skt/kogpt2", "parts": ["/dev/null", "a"]},
        "address": "10.0.0.1:6379",
        "storage": "s3://key:secret@bucket",
        "tracking_uri": "off",
    }
    files = named_files(spec, tmp_path)
    assert [(one.where, one.is_place) for one in files] == [
        (str(tmp_path / "mine.py"), False),
        (str(tmp_path / "houses.csv"), False),
        ("skt/kogpt2", True),
        ("/dev/null", False),
    ]
    assert [one.where for one in named_places(spec)] == ["10.0.0.1:6379", "s3://***@bucket"]
    remember(named_places(spec))
    check_trusted(named_places(spec), [], "Sweep 'a'")
    assert "secret" not in (state_folder() or Path()).joinpath(NOTES).read_text()
