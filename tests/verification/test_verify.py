"""The comparison of spikes, with backends that are scripts of a line or two."""

import hashlib
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from snnsim import export, verification
from snnsim.program import INPUT, Edge, Population, Program, Readout
from snnsim.simulation import Events
from snnsim.verification import backends as module
from snnsim.verification import networks

HEAD = "import sys\nsys.path.insert(0, {folder!r})\nfrom exchange import main\nimport numpy as np\n"
COPY = HEAD + "main(lambda _, fed: ({{'a': [fed.spikes(n) for n in range(len(fed))]}}, {{}}), '7')\n"


@pytest.fixture
def program():
    """Return a neuron for each channel that repeats its spikes."""
    edge = Edge.of(INPUT, "a", (np.arange(3), np.arange(3), np.zeros(3, int), np.ones(3)), sources=3)
    return Program(channels=3, populations=(Population.of("a", 3, decay=0.0),), edges=(edge,), time_step_ms=1.0)


@pytest.fixture
def events():
    return Events.from_frames(np.random.default_rng(0).integers(0, 2, (9, 4, 3)))


@pytest.fixture
def call(tmp_path, program, events, monkeypatch):
    """Return a function that verifies a file with a backend of this text."""

    def run(text, **changes):
        (tmp_path / "run_made.py").write_text(text.format(folder=str(module.SCRIPTS)))
        copy = verification.Backend("npz", "made-package", **changes)
        monkeypatch.setitem(module.BACKENDS, "made", copy)
        monkeypatch.setattr(verification.Backend, "script", lambda _, name: tmp_path / f"run_{name}.py")
        export.write(program, "npz", tmp_path / "a.npz")
        return verification.verify(tmp_path / "a.npz", program, events, backend="made")

    return run


def test_equal_spikes_are_counted(call, events):
    report = call(COPY)
    spikes = len(events.step)
    assert report.version == "7"
    assert [vars(layer) for layer in report.layers] == [
        {"name": "a", "spikes_equal": spikes, "spikes_total": spikes, "cells_equal": 108, "cells_total": 108}
    ]
    assert report.equal


def test_membranes_of_all_readouts_are_compared(tmp_path, program, events, monkeypatch):
    """The backend returns zeros; the membrane of the first readout is 0, and that of the second is not."""
    readouts = tuple(Population.of(name, 2, model="readout", decay=0.0) for name in ("first", "second"))
    rows = (np.arange(2), np.arange(2), np.zeros(2, int))
    edges = [
        Edge.of("a", name, (*rows, np.full(2, weight)), sources=3) for name, weight in (("first", 0.0), ("second", 2.0))
    ]
    heads = replace(
        program,
        populations=(*program.populations, *readouts),
        edges=(*program.edges, *edges),
        readout="first",
        further_readouts=(Readout("second"),),
    )
    zeros = "{{name: [np.zeros((9, 2))] * len(fed) for name in ('first', 'second')}}"
    (tmp_path / "run_made.py").write_text(COPY.replace("{{}}", zeros).format(folder=str(module.SCRIPTS)))
    monkeypatch.setitem(module.BACKENDS, "made", verification.Backend("npz", "made-package"))
    monkeypatch.setattr(verification.Backend, "script", lambda _, name: tmp_path / f"run_{name}.py")
    export.write(heads, "npz", tmp_path / "heads.npz")
    assert verification.verify(tmp_path / "heads.npz", heads, events, backend="made").membrane_difference == 2.0


def test_a_missing_and_a_wrong_spike_are_seen(call, events):
    text = COPY.replace("fed.spikes(n)", "(fed.spikes(n)[0][1:], fed.spikes(n)[1][1:])")
    report = call(text)
    spikes = len(events.step)
    assert (report.total("spikes_equal"), report.total("spikes_total")) == (spikes - 4, spikes)
    assert (report.total("cells_equal"), report.equal) == (104, False)
    # every train a step late, and each of its spikes in the wrong place or an empty one
    late = call(COPY.replace("fed.spikes(n)", "(fed.spikes(n)[0] + 1, fed.spikes(n)[1])"))
    assert late.total("spikes_equal") < late.total("spikes_total")


def test_the_first_difference_of_a_recording_has_its_margin(call, events):
    assert call(COPY).differences == ()
    # without the first spike of recordings 0 and 2
    text = COPY.replace("fed.spikes(n)", "tuple(part[1 - n % 2 :] for part in fed.spikes(n))")
    differences = call(text).differences
    assert [each.recording for each in differences] == [0, 2]
    for each in differences:
        first = events.offset[each.recording]
        # the neuron's membrane is the weight of 1 as its threshold, so on it
        assert (each.population, each.step, each.neuron, each.margin) == (
            "a", events.step[first], events.channel[first], 0.0
        )  # fmt: skip


def test_processes_of_a_backend_are_stopped_with_it(call, tmp_path):
    """A child that would write a file after a while, of a backend that waits for ever."""
    child = f"import time; time.sleep(1.5); open({str(tmp_path / 'late')!r}, 'w')"
    text = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)\n"
    with pytest.raises(RuntimeError, match="made did not finish"):
        call(text, seconds=0.7)
    time.sleep(2)
    assert not (tmp_path / "late").exists()


def test_errors_of_a_backend_are_reported(call):
    with pytest.raises(ImportError, match=r"made is not installed .*no_such_thing.*pip install made-package"):
        call("import no_such_thing\n")
    with pytest.raises(RuntimeError, match="made failed: ValueError: not this one"):
        call("raise ValueError('not this one')\n")
    refusal = HEAD + "from exchange import UnsupportedError\nraise UnsupportedError('no such neuron')\n"
    with pytest.raises(
        verification.UnsupportedError, match=r"^verify: made cannot run this network: no such neuron; [^\n]*$"
    ):
        call(refusal)
    with pytest.raises(RuntimeError, match=r"made did not finish within 0\.5 s"):
        call("import time\ntime.sleep(60)\n", seconds=0.5)
    with pytest.raises(ValueError, match="backend 'who' is unknown; the known ones are nest"):
        verification.verify("a.npz", None, None, backend="who", python=sys.executable)


def test_backends_of_a_file():
    assert verification.backends_of("npz") == ["nest", "brian2"]
    assert verification.backends_of("nir", "relay", name="norse") == ["norse"]
    for arguments, words in (
        (("nir", "seq", "norse"), r"norse runs relay, not seq; .* nirtorch$"),
        (("npz", None, "bmtk"), r"bmtk runs sonata, not npz; .* nest, brian2$"),
        (("npz", None, "who"), "backend 'who' is unknown"),
        (("hdf5", None, None), "no backend runs hdf5"),
    ):
        target, variant, name = arguments
        with pytest.raises(ValueError, match=words):
            verification.backends_of(target, variant, name=name)


@pytest.mark.parametrize(
    ("target", "file"), [("c", "run.c"), ("c", "network.c"), ("c", "snn.h"), ("spinnaker", "run.py")]
)
def test_changed_code_in_a_folder_is_not_run(tmp_path, target, file):
    program = networks.toy()
    folder = tmp_path / "net"
    export.write(program, target, folder)
    mark = tmp_path / "mark"
    line = f"#error {mark}\n" if target == "c" else f"open({str(mark)!r}, 'w').close()\n"
    (folder / file).write_text(line + (folder / file).read_text())
    events = networks.recordings(program, 1, steps=5)
    backend = "c" if target == "c" else "pynn-nest"
    with pytest.raises(
        ValueError, match=rf"verify: .*{file} would be run, and must be the file that this snnsim writes.*--trust"
    ):
        verification.verify(folder, program, events, backend=backend)
    assert not mark.exists()
    if target == "c":
        with pytest.raises(RuntimeError, match="verify: c failed"):
            verification.verify(folder, program, events, backend=backend, trust=True)


def test_the_script_of_an_earlier_version_is_run(tmp_path, monkeypatch):
    program = networks.toy()
    export.write(program, "spinnaker", tmp_path / "net")
    former = b"raise ValueError('the former script ran')\n"
    (tmp_path / "net/run.py").write_bytes(former)
    target = replace(export.TARGETS["spinnaker"], former_code=frozenset({hashlib.sha256(former).hexdigest()}))
    monkeypatch.setitem(export.TARGETS, "spinnaker", target)
    with pytest.raises((RuntimeError, ImportError), match=r"the former script ran|pynn-nest is not installed"):
        verification.verify(tmp_path / "net", program, networks.recordings(program, 1, steps=5), backend="pynn-nest")


def test_old_names_of_backends_warn(call, tmp_path, program, events):
    call(COPY)
    with pytest.warns(DeprecationWarning, match="the argument consumer is now backend"):
        report = verification.verify(tmp_path / "a.npz", program, events, consumer="made")
    with pytest.warns(DeprecationWarning, match=r"Report\.consumer is now backend"):
        assert report.consumer == "made"
    with pytest.warns(DeprecationWarning, match=r"verification\.CONSUMERS is now"):
        assert verification.CONSUMERS is verification.BACKENDS
    with pytest.raises(TypeError, match="backend must be one of nest"):
        verification.verify(tmp_path / "a.npz", program, events)


def test_the_time_of_a_simulation_is_reported(call):
    assert call(COPY).seconds is None
    text = COPY.replace("main(lambda", "from exchange import timed\nwith timed():\n    pass\nmain(lambda")
    assert 0 <= call(text).seconds < 5


@pytest.mark.parametrize("count", [1.5, -1.0])
def test_graded_input_is_refused(call, tmp_path, program, events, count):
    call(COPY)
    graded = replace(events, count=np.full(len(events.count), count))
    with pytest.raises(ValueError, match=f"counts must be numbers of spikes, whole and at least 0.*got {count:g};"):
        verification.verify(tmp_path / "a.npz", program, graded, backend="made")


@pytest.mark.parametrize("counts", [False, True])
def test_rows_of_one_channel_and_step_are_joined_and_counts_of_0_are_no_spikes(call, tmp_path, program, counts):
    call(COPY, counts=counts)
    rows = {"step": [0, 0, 0, 0, 2, 2], "channel": [1, 0, 1, 2, 0, 1], "count": [1, 1, 2, 0, 0, 1]}
    events = Events(*map(np.array, rows.values()), np.array([0, 4, 6]), np.array([3, 3]))
    report = verification.verify(tmp_path / "a.npz", program, events, backend="made")
    # channels 0 and 1 of the first recording, and channel 1 of the second
    assert (report.total("spikes_equal"), report.total("spikes_total")) == (3, 3)
    assert report.dropped_spikes == (0 if counts else 2)
