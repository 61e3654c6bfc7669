import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from snnsim import identity
from snnsim.files import UNFINISHED, folder_read_whole, folder_written_whole, hdf5_written_whole, written_whole


def write(path, text):
    with written_whole(path) as partial:
        partial.write_text(text)


def export(folder, files):
    with folder_written_whole(folder) as partial:
        for name, text in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text)


def held(folder):
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_symbolic_link_stays_and_leads_to_what_was_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "file")
    for text in ("new", "newer"):
        write(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "far" / "file").read_text() == text
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["far", "file", "link"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="loop"):
        write(tmp_path / "loop", "")


def test_links_of_and_in_a_folder_stay(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far", target_is_directory=True)
    (tmp_path / "elsewhere").write_text("old")
    (tmp_path / "far" / "a").symlink_to(tmp_path / "elsewhere")
    export(tmp_path / "near", {"a": "new", "b/c": "new"})
    assert (tmp_path / "near").is_symlink()
    assert (tmp_path / "far" / "a").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "new"
    assert held(tmp_path / "far") == {"a": "new", "b/c": "new"}


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_not_replaced(tmp_path, kind):
    path = tmp_path / "there"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(OSError, match="device or a pipe"):
        write(path, "text")
    assert not path.is_file()


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "." * 9 + "x" * 240])
def test_the_longest_names(tmp_path, name):
    write(tmp_path / name, "text")
    assert held(tmp_path) == {name: "text"}


def test_other_files_of_a_folder_stay(tmp_path):
    export(tmp_path / "f", {"a": "1", "sub/b": "1"})
    (tmp_path / "f" / "mine").write_text("mine")
    export(tmp_path / "f", {"a": "2", "sub/b": "2", "c": "2"})
    assert held(tmp_path / "f") == {"a": "2", "sub/b": "2", "c": "2", "mine": "mine"}


def killed_before_call(number, function):
    """Run a function in a child that is killed before its call of the system of this number; return whether it was."""
    child = os.fork()
    if child == 0:
        left = number

        def watch(event, _):
            nonlocal left
            if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        function()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


@pytest.mark.parametrize("old", [True, False])
def test_a_folder_of_a_killed_writer_is_old_or_new_or_refused(tmp_path, old):
    files = [{f"d/{name}": text for name in "abc"} for text in ("old", "new")]
    states = set()
    for stop in range(1, 200):
        folder = tmp_path / f"folder{stop}"
        if old:
            export(folder, files[0])
        killed = killed_before_call(stop, lambda folder=folder: export(folder, files[1]))
        try:
            with folder_read_whole(folder):
                content = {name: text for name, text in held(folder).items() if not name.startswith(".")}
            assert content in files, f"stopped before call {stop}"
            states.add(content["d/a"])
        except FileNotFoundError:
            assert not old
            states.add("nothing")
        except ValueError as error:
            states.add(
                "refused" if (folder / UNFINISHED).exists() and "mixes old and new" in str(error) else str(error)
            )
            export(folder, files[1])
            with folder_read_whole(folder):
                assert (folder / "d/a").read_text() == "new"
        if not killed:
            break
    assert states == ({"old", "refused", "new"} if old else {"nothing", "new"})


def test_temporary_files_of_killed_writers_alone_are_removed(tmp_path):
    busy = f".a.{identity.tag()}.busy.partial"
    for name in (".a.left.partial", ".other.left.partial", busy):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, times=(0, 0))
    (tmp_path / ".a.young.partial").write_text("")
    (tmp_path / ".a.folder.partial").mkdir()
    os.utime(tmp_path / ".a.folder.partial", times=(0, 0))
    write(tmp_path / "a", "text")
    assert {each.name for each in tmp_path.iterdir()} == {"a", busy, ".a.young.partial", ".other.left.partial"}


def test_a_library_that_locks_its_files_can_write(tmp_path):
    with written_whole(tmp_path / "a.h5") as partial, h5py.File(partial, "w") as file:
        file["x"] = 1
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][()] == 1


def test_two_writers_of_a_folder_do_not_mix(tmp_path):
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        from snnsim.files import folder_written_whole
        for _ in range(30):
            with folder_written_whole(Path(sys.argv[1])) as partial:
                for number in range(20):
                    (partial / str(number)).write_text(sys.argv[2])
    """)
    folder = tmp_path / "f"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(folder), text]) for text in ("one", "other")]
    while any(each.poll() is None for each in writers):
        if folder.is_dir():
            with folder_read_whole(folder):
                assert len({(folder / str(n)).read_text() for n in range(20)}) == 1
        time.sleep(0.01)
    assert [each.returncode for each in writers] == [0, 0]
    assert len(list(folder.iterdir())) == 20


def test_hdf5_on_a_full_disk_is_an_error_and_the_old_file_stays(tmp_path):
    """A limit of the size of files does to a write what a full disk does; in a child, as it may die."""
    path = tmp_path / "a.h5"
    with hdf5_written_whole(path) as file:
        file["x"] = np.arange(10)
    code = textwrap.dedent(f"""
        import resource, signal
        import numpy as np
        from pathlib import Path
        from snnsim.files import hdf5_written_whole
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        for size in (7_000, 20_000, 1_000_000):
            try:
                with hdf5_written_whole(Path({str(path)!r})) as file:
                    file["x"] = np.random.default_rng(0).random(size)
                    file.create_group("g").attrs["text"] = "text"
            except OSError as error:
                print(error.errno)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == 3 * [str(errno.EFBIG)]
    assert not done.stderr
    with h5py.File(path) as file:
        assert file["x"][()].tolist() == list(range(10))
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]
