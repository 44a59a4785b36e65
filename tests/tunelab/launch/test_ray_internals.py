"""Ray's private parts: that they are there, and that switches do without them."""

from __future__ import annotations

from importlib.metadata import version
from threading import Thread

import pytest

from tunelab.launch.ray_import import import_ray
from tunelab.launch.ray_internals.forks import NONE, fork_server
from tunelab.launch.ray_internals.parts import FORKS_SWITCH, PARTS, PATCHES_SWITCH, SEEN_WITH, forks_on, patches_on
from tunelab.launch.ray_internals.patches import patched_ray, raylet_silenced


def test_the_parts_are_there_in_the_version_they_were_seen_with() -> None:
    import_ray()
    assert version("ray") == SEEN_WITH, "try the parts with this version, then note it"
    assert [str(part) for part in PARTS if not part.is_there()] == []


@pytest.mark.parametrize("switch", ["0", "1"])
def test_notes_of_ray_stay_off_stdout(
    switch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import_ray()
    from ray._private import worker

    monkeypatch.setenv(PATCHES_SWITCH, switch)
    note = {"lines": ["a worker died"], "pid": "raylet", "is_err": False}
    with raylet_silenced():
        thread = Thread(
            target=lambda: worker.print_to_stdstream(note, ignore_prefix=False), name="ray_listen_error_messages"
        )
        thread.start()
        thread.join()
        print("a result", end="")  # noqa: T201
    shown = capsys.readouterr()
    assert shown.out == "a result"
    assert ("a worker died" in shown.err) is (switch == "0")


@pytest.mark.parametrize(
    ("switches", "on"),
    [({}, (True, True)), ({FORKS_SWITCH: "0"}, (True, False)), ({PATCHES_SWITCH: "0"}, (False, False))],
)
def test_forks_need_patches(switches: dict[str, str], on: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (FORKS_SWITCH, PATCHES_SWITCH):
        monkeypatch.delenv(name, raising=False)
    for name, value in switches.items():
        monkeypatch.setenv(name, value)
    assert (patches_on(), forks_on()) == on


def test_without_the_switches_ray_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import_ray()
    from ray import util as ray_util
    from ray._private import services

    monkeypatch.setenv(PATCHES_SWITCH, "0")
    before = dict(vars(services))
    with fork_server() as forks, patched_ray(2, forks):
        assert forks is NONE
        assert dict(vars(services)) == before
    monkeypatch.setenv(PATCHES_SWITCH, "1")
    with patched_ray(2, NONE):
        assert services.start_ray_process is not before["start_ray_process"]
        assert services.get_node_ip_address() == ray_util.get_node_ip_address() == "127.0.0.1"
    assert dict(vars(services)) == before
