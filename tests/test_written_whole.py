"""A file that is a symbolic link stays one; what a killed writer leaves says whose it is."""

import os

import pytest

from snnsim import identity
from snnsim.files import remove_abandoned, written_whole


@pytest.mark.parametrize("there", [True, False])
def test_the_file_that_a_link_points_to_is_written(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    goal, link = tmp_path / "elsewhere" / "goal.txt", tmp_path / "link.txt"
    if there:
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


def test_what_this_process_writes_is_not_removed(tmp_path):
    with written_whole(tmp_path / "a.b.txt") as partial:
        assert identity.tag() in partial.name
        assert remove_abandoned(tmp_path) == []
        assert partial.exists()


def test_what_a_killed_process_wrote_is_removed(tmp_path):
    (tmp_path / "figures").mkdir()
    child = os.fork()
    if child == 0:
        with written_whole(tmp_path / "figures" / "a.png"):
            os._exit(0)
    os.waitpid(child, 0)
    (left,) = (tmp_path / "figures").iterdir()
    assert remove_abandoned(tmp_path) == [left]
    assert not left.exists()
