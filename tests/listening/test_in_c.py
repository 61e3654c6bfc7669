"""Listening in C: the program `listen` of an exported folder has the input, spikes and class of the simulator."""

import io
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from helpers.command_line import fails, run
from helpers.listening_program import random_program
from snnsim import export, listening
from snnsim.data.speech import cochlea
from snnsim.data.synthetic import spoken_digits
from snnsim.listening import in_c, session, sound

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
WARNINGS = "CFLAGS=-std=c99 -O2 -Wall -Wextra -Wconversion -Wpedantic -Werror"


def samples_at(rate):
    """Return a word of 16 bits, int16 (sample,)."""
    word = cochlea.resampled(spoken_digits.utterance("train", 3, seed=0), spoken_digits.RATE)
    indices = np.arange(0, len(word) - 1, spoken_digits.RATE / rate)
    heard = np.interp(indices, np.arange(len(word)), word)
    return np.round(20_000 * heard / np.abs(heard).max()).astype(np.int16)


def wav(samples, rate, subtype="PCM_16"):
    memory = io.BytesIO()
    soundfile.write(memory, samples, rate, format="WAV", subtype=subtype)
    return memory.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "net"
    program = random_program()
    export.write(program, "c", path, ear=in_c.files(program))
    done = subprocess.run(["make", "-s", "-C", path, "listen", WARNINGS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return path


@pytest.fixture(scope="module")
def sanitized(folder):
    done = subprocess.run(["make", "-s", "-C", folder, "listen-sanitized"], capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr:
        pytest.skip("the compiler has no sanitizers on this machine")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "listen-sanitized"


def hears(program, content, *options):
    return subprocess.run([program, *options], input=content, capture_output=True, check=False)


def expected(samples, rate):
    """Return input events, number of spikes and class of the simulator."""
    source = sound.of_samples(samples / 32768, rate)
    listener = listening.Listener(random_program(), rate, source.level)
    summary = session.Summary(tuple(session.listen(listener, source.pieces(4000))))
    events, spikes = session.joined(summary)
    order = np.lexsort((events[:, 1], events[:, 0]))
    return events[order].tolist(), len(spikes), session.facts(listener, summary)["class"]


@pytest.mark.parametrize("rate", in_c.RATES)
def test_input_spikes_and_class_are_those_of_the_simulator(folder, rate):
    samples = samples_at(rate)
    events, spikes, word = expected(samples, rate)
    done = hears(folder / "listen", wav(samples, rate), "--events")
    assert [[int(number) for number in line.split()] for line in done.stdout.decode().splitlines()] == events
    assert len(events) > 300
    *pieces, last = hears(folder / "listen", wav(samples, rate)).stdout.decode().splitlines()
    assert last.startswith(f"{word}: class ")
    assert f" {sum(event[2] for event in events)} input spikes, {spikes} spikes, " in last
    # a line for each 51 ms of sound
    assert len(pieces) == -(-len(samples) * 24_000 // rate // 1216)


def test_a_known_level_hears_the_same(folder, sanitized):
    content = wav(samples_at(24_000), 24_000)
    level = hears(folder / "listen", content, "--print-level").stdout.decode().split()
    measured = cochlea.Level.of(samples_at(24_000) / 32768)
    assert [float(number) for number in level] == pytest.approx(
        [measured.mean, measured.peak, measured.gain], rel=1e-12
    )
    once = hears(folder / "listen", content)
    # the header of a live sound has no length
    for size in (0, 0xFFFFFFFF, 0x7FFFFFFF):
        live = content[:40] + struct.pack("<I", size) + content[44:]
        done = hears(sanitized, live, "--level", *level)
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", once.stdout)


def damaged():
    """Yield contents that are no sound, and a part of the message."""
    good = wav(samples_at(24_000), 24_000)
    yield b"", "must be a WAV; it ends within its header"
    yield good[:20], "must be a WAV; it ends within its header"
    yield good[:44], "ends earlier than its header says"
    yield good[:-101], "ends earlier than its header says"
    yield b"x" * 500, "begins with other bytes"
    yield wav(np.stack([samples_at(24_000)] * 2, axis=1), 24_000), "16 bits and one channel"
    yield wav(samples_at(24_000) / 32768, 24_000, "FLOAT"), "16 bits and one channel"
    yield wav(samples_at(24_000), 12_345), "the rate must be one of 8000, 11025"
    yield wav(np.zeros(24_000, np.int16), 24_000), "all are equal"
    yield wav(samples_at(24_000)[:1000], 24_000), "at least 0.06 s"
    yield wav(np.resize(samples_at(8_000), 65 * 8_000), 8_000), "at most 64 s"
    # the largest number of samples that fits
    yield wav(np.resize(samples_at(48_000), 64 * 48_000 + 1), 48_000), "at most 64 s"
    yield good[:40] + bytes(4), "it has no samples"
    yield good[:16] + struct.pack("<I", 4) + good[20:], "16 bytes or more"
    yield good[:40] + struct.pack("<I", 4001) + good[44:], "a whole number of samples"
    yield good[:12] + b"data" + good[40:], "its format before its samples"
    yield good[:12] + b"LIST" + struct.pack("<I", 0xFFFFFFF0) + good[12:], "ends within its header"


# without ids of its own, pytest would make one of all bytes of a sound
@pytest.mark.parametrize(("content", "message"), [pytest.param(*case, id=case[1]) for case in damaged()])
def test_damaged_sounds_are_refused(sanitized, content, message):
    done = hears(sanitized, content)
    assert done.returncode == 2
    assert done.stdout == b""
    assert message in done.stderr.decode()
    assert done.stderr.decode().startswith("listen: ")


def test_a_live_sound_that_is_damaged_is_refused(sanitized):
    content = wav(samples_at(24_000), 24_000)
    for wrong in (
        ("--level", "0", "1"),
        ("--level", "0", "0", "1"),
        ("--level", "0", "1", "nan"),
        ("--level", "0", "1e-300", "1"),
        ("--what",),
    ):
        assert b"usage: listen" in hears(sanitized, content, *wrong).stderr
    done = hears(sanitized, content[:-101], "--level", "0", "1", "0.5")
    assert (done.returncode, b"ends earlier" in done.stderr) == (2, True)
    assert b": class" not in done.stdout


def test_other_parts_of_a_wav_are_passed_over(folder):
    content = wav(samples_at(24_000), 24_000)
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert (
        hears(folder / "listen", content[:12] + note + content[12:]).stdout == hears(folder / "listen", content).stdout
    )


def test_the_self_test_of_the_folder_passes_beside_the_ear(folder):
    done = subprocess.run(["make", "-s", "-C", folder, "test"], capture_output=True, text=True, check=False)
    assert (done.returncode, "passed" in done.stdout) == (0, True)
    assert export.read("c", folder).digest() == random_program().digest()


def test_names_of_classes_are_strings_of_c():
    assert in_c._quoted('fünf "5"') == '"f\\303\\274nf \\0425\\042"'


def test_programs_without_an_ear_are_refused(capsys, tmp_path):
    random_program(channels=30).save(tmp_path / "30.snn")
    random_program().save(tmp_path / "70.snn")
    error = fails(capsys, "export", str(tmp_path / "30.snn"), "--to", "c", "--ear", "-o", str(tmp_path / "net"))
    assert "must divide its 700" in error
    error = fails(capsys, "export", str(tmp_path / "70.snn"), "--to", "npz", "--ear", "-o", str(tmp_path / "net.npz"))
    assert "npz is written without the option ear" in error
    run(capsys, "export", str(tmp_path / "70.snn"), "--to", "c", "--ear", "-o", str(tmp_path / "net"))
    assert (tmp_path / "net" / "listen.c").is_file()
