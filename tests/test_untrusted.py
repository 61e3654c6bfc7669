"""Files that claim more than they hold, are no files, or grow as they are read: an error within seconds."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import zipfile

import h5py
import numpy as np
import pytest

from snnsim import export, hdf5, untrusted
from snnsim.export.nir.graph import Graph, Node
from snnsim.export.nir.hdf5 import save


@pytest.fixture
def program():
    from snnsim.verification import networks

    return networks.ties(floats=True)


def test_an_unused_part_is_never_unpacked(tmp_path, program):
    path = tmp_path / "a.snn"
    program.save(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed, packed.open("bomb.npy", "w") as part:
        for _ in range(512):
            part.write(bytes(2**20))
    code = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        from snnsim.program import Program
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        Program.load(Path({str(path)!r}))
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) // 1024)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100


def test_an_array_larger_than_the_room_is_refused(tmp_path, program, monkeypatch):
    export.write(program, "npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["edge/0/weight"] = np.zeros(2**26)
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    with pytest.raises(
        ValueError, match=r"a\.npz is damaged, .*'edge/0/weight'.*claims 536,871,040 bytes, .*SNNSIM_READ_LIMIT=10"
    ):
        export.read("npz", tmp_path / "a.npz")
    monkeypatch.setenv("SNNSIM_READ_LIMIT", "4")
    with pytest.raises(ValueError, match="the four rows must be equally long"):
        export.read("npz", tmp_path / "a.npz")
    monkeypatch.setenv("SNNSIM_READ_LIMIT", "much")
    with pytest.raises(ValueError, match="SNNSIM_READ_LIMIT: the factor must be a number above 0"):
        export.read("npz", tmp_path / "a.npz")


def test_the_old_variable_of_the_limit_is_honored_with_a_warning(tmp_path, program, monkeypatch):
    export.write(program, "npz", tmp_path / "a.npz")
    monkeypatch.setenv("SNNSIM_FILE_LIMIT", "1GB")
    with pytest.warns(DeprecationWarning, match="SNNSIM_FILE_LIMIT is replaced by SNNSIM_READ_LIMIT"):
        assert untrusted.room(tmp_path / "a.npz") == 10**9
    monkeypatch.setenv("SNNSIM_FILE_LIMIT", "much")
    with pytest.raises(ValueError, match="SNNSIM_FILE_LIMIT: the value must be a number of bytes"):
        untrusted.room(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "shape", ["(18446744073709551616,)", "(1099511627776, 1099511627776)", "(-1,)", "((", "(1, '''"]
)
def test_the_shape_of_an_array_is_checked_before_its_numbers(tmp_path, shape):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    (tmp_path / "a.npz").write_bytes(archive.getvalue())
    with untrusted.arrays(tmp_path / "a.npz") as arrays, pytest.raises(ValueError, match="its part 'x' is damaged"):
        arrays["x"]


def test_a_flipped_bit_in_npz_is_refused_or_harmless(tmp_path, program):
    export.write(program, "npz", tmp_path / "a.npz")
    content, rng = (tmp_path / "a.npz").read_bytes(), np.random.default_rng(0)
    refused = 0
    for bit in rng.choice(8 * len(content), 300, replace=False):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a.npz").write_bytes(changed)
        try:
            assert export.read("npz", tmp_path / "a.npz").digest() == program.digest()
        except ValueError as error:
            refused += str(error).startswith(f"{tmp_path / 'a.npz'} is damaged")
    assert refused > 150


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "missing"])
@pytest.mark.parametrize("target", ["npz", "hdf5", "nir", "loihi1", "xylo"])
def test_only_regular_files_are_read(tmp_path, kind, target):
    path = tmp_path / "there"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(
        FileNotFoundError if kind == "missing" else ValueError, match=f"there.*(a {kind}|no file|device)"
    ):
        export.read(target, path)


def test_named_files_must_be_in_the_folder(tmp_path, program):
    export.write(program, "spinnaker", tmp_path / "a")
    facts = json.loads((tmp_path / "a" / "network.json").read_text())
    for name in ("../b.txt", "/dev/zero", "/etc/passwd", "", 3, None, "a\0b"):
        facts["connections"][0]["file"] = name
        (tmp_path / "a" / "network.json").write_text(json.dumps(facts))
        with pytest.raises(ValueError, match=r"the file .* must lie in the folder|the name of a file must be text"):
            export.read("spinnaker", tmp_path / "a")


def test_a_manifest_that_names_itself_is_refused(tmp_path, program):
    export.write(program, "sonata", tmp_path / "a")
    (tmp_path / "a" / "snnsim.json").unlink()
    config = json.loads((tmp_path / "a" / "circuit_config.json").read_text())
    for manifest in ({"$A": "$A$A"}, {"$A": "$B", "$B": "$A"}, {"$A": "x$A"}):
        config["manifest"] |= manifest
        config["networks"]["nodes"][0]["nodes_file"] = "$A"
        (tmp_path / "a" / "circuit_config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"a is damaged, .*must stand for others, and for themselves they do not"):
            export.read("sonata", tmp_path / "a")


def test_groups_with_exponentially_many_paths_are_refused(tmp_path):
    save(Graph({"a": Node("Input", {"shape": np.array([1])})}, []), tmp_path / "a.nir")
    with h5py.File(tmp_path / "a.nir", "a") as file:
        inner = file.create_group("node/metadata")
        for _ in range(30):
            deeper = inner.create_group("one")
            inner["other"] = deeper
            inner = deeper
    with pytest.raises(ValueError, match=r"a\.nir is damaged, .*second link to a group"):
        export.read("nir", tmp_path / "a.nir")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input": {"shape": np.array([10**10])}}, "must be 1 to 16,777,216 channels"),
        ({"conv": {"padding": np.array([10**6, 10**6])}}, "would need .* synapses, and at most"),
        ({"conv": {"padding": np.array([2**40, 0])}}, "must be whole and 0 or more"),
        ({"conv": {"stride": np.array([0, 1])}}, "must be whole and 1 or more"),
        ({"conv": {"groups": 0}}, "must be whole and 1 or more"),
    ],
)
def test_sizes_of_nir(tmp_path, changes, said):
    slid = {"stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1}
    numbers = {
        "input": {"shape": np.array([1, 3, 3])},
        "conv": {"weight": np.ones((1, 1, 1, 1)), "bias": np.zeros(1), **slid},
        "if": {"r": np.ones((1, 3, 3)), "v_threshold": np.ones((1, 3, 3))},
    }
    kinds = {"input": "Input", "conv": "Conv2d", "if": "IF"}
    nodes = {name: Node(kinds[name], rows | changes.get(name, {})) for name, rows in numbers.items()}
    save(Graph(nodes, [("input", "conv"), ("conv", "if")]), tmp_path / "a.nir")
    with pytest.raises(ValueError, match=rf"a\.nir: .*{said}|{said}"):
        export.read("nir", tmp_path / "a.nir")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("channels", 2**63, "channels must be an integer from 1 to"),
        ("channels", 10**9, "edges must start at .* channels and neurons at most"),
        ("extra_steps", 10**8, "extra_steps must be an integer from 0 to 10000000"),
        ("edges", [["input", 3]], "edges must be pairs of texts"),
        ("edges", [["nobody", "first"]], "must lead from and to populations of the table"),
        ("populations", {"a": "hard"}, "populations must be a list"),
        ("fixed", 3, "fixed must be a table"),
        ("classes", [[1]], "classes must not have a list in it"),
        ("provenance", [], "provenance must be a table"),
        ("time_step_ms", "1", "time_step_ms must be a finite number"),
    ],
)
def test_fields_of_another_type_or_size_are_named(tmp_path, program, field, value, said):
    export.write(program, "npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays["header"].tobytes()) | {field: value}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=rf"a\.npz is damaged, .*{said}"):
        export.read("npz", tmp_path / "a.npz")


def test_a_reading_process_that_hangs_or_dies_is_replaced(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    assert hdf5.opened(tmp_path / "a.h5").numbers("x").tolist() == [0, 1, 2]
    monkeypatch.setattr(hdf5, "_SECONDS", 0.5)
    os.kill(hdf5._CHILDREN[0].process.pid, signal.SIGSTOP)
    with pytest.raises(ValueError, match="libhdf5 did not come to an end"):
        hdf5.opened(tmp_path / "a.h5")
    monkeypatch.undo()
    assert hdf5.opened(tmp_path / "a.h5").numbers("x").tolist() == [0, 1, 2]
    hdf5._CHILDREN[0].process.kill()
    hdf5._CHILDREN[0].process.wait()
    assert hdf5.opened(tmp_path / "a.h5").numbers("x").tolist() == [0, 1, 2]


def test_claimed_sizes_and_external_data_are_not_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("huge", (10**12,), "f8", chunks=(1024,))
        file["other"] = h5py.ExternalLink("/etc/passwd", "/")
        file.create_dataset("outside", (10,), "u1", external=[("/etc/passwd", 0, 10)])
        file["x"] = 3
    tree = hdf5.opened(tmp_path / "a.h5")
    assert int(tree.numbers("x")) == 3
    for name, said in (("huge", "claims 8,000,000,000,000"), ("other", "another file"), ("outside", "other files")):
        with pytest.raises(ValueError, match=f"{name} cannot be read: .*{said}"):
            tree.numbers(name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2**22
