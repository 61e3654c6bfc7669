"""Atomic writes of single files, and the removal of temporary files."""

import json
import os

import pytest

from snnsim import identity
from snnsim.files import remove_abandoned, write_json, written_whole


@pytest.mark.parametrize("exists", [True, False])
def test_the_target_of_a_link_is_written(tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    goal, link = tmp_path / "elsewhere" / "goal.txt", tmp_path / "link.txt"
    if exists:
        goal.write_text("old")
    link.symlink_to(os.path.join("elsewhere", "goal.txt"))
    with written_whole(link) as partial:
        partial.write_text("new")
        # renaming works on one disk only
        assert partial.parent == goal.parent
    assert link.is_symlink()
    assert goal.read_text() == link.read_text() == "new"


def test_a_device_is_not_replaced():
    with (
        pytest.raises(OSError, match="is a device or a pipe, which a file cannot replace"),
        written_whole("/dev/null"),
    ):
        pass


def test_temporary_files_of_this_process_stay(tmp_path):
    with written_whole(tmp_path / "a.b.txt") as partial:
        assert identity.tag() in partial.name
        assert remove_abandoned(tmp_path) == []
        assert partial.exists()


def test_temporary_files_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / "figures").mkdir()
    child = os.fork()
    if child == 0:
        with written_whole(tmp_path / "figures" / "a.png"):
            os._exit(0)
    os.waitpid(child, 0)
    (left,) = (tmp_path / "figures").iterdir()
    assert remove_abandoned(tmp_path) == [left]
    assert not left.exists()


def test_json_is_written_atomically(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": [1, 2.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, 2.5, None]}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, 2.5, None]}
    assert os.listdir(path.parent) == ["a.json"]
