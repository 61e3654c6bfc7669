import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from helpers.command_line import fails, run
from helpers.listening_program import random_program
from snnsim import export, listening
from snnsim.data import binning
from snnsim.data.speech import cochlea, parallel_encoding, streaming
from snnsim.data.synthetic import spoken_digits
from snnsim.listening import live_grid, live_raster, session, shipped, sound


@pytest.fixture(scope="module")
def word():
    return spoken_digits.utterance("train", 3, seed=0)


@pytest.fixture(scope="module")
def wav(word, tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "word.wav"
    soundfile.write(path, np.stack([word, word], axis=1) * 0.1, spoken_digits.RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("piece_ms", [3.0, 50.0, 5000.0])
def test_a_stream_has_the_spikes_and_scores_of_the_complete_recording(word, piece_ms):
    source = sound.of_samples(word, spoken_digits.RATE)
    listener = listening.Listener(random_program(), source.rate, source.level, cells_per_place=10)
    pieces = source.pieces(round(piece_ms / 1000 * source.rate))
    summary = session.Summary(tuple(session.listen(listener, pieces)))
    assert session.compared(listener, word, summary) > 500
    assert sum(moment.heard.result is not None for moment in summary.moments) > (1 if piece_ms == 5000 else 5)
    assert summary.sound_s == pytest.approx(len(word) / source.rate)
    facts = session.facts(listener, summary)
    assert facts["class"] == facts["best"][0][0]
    assert facts["spikes"] > 50


def test_a_difference_is_found(word):
    source = sound.of_samples(word, spoken_digits.RATE)
    listener = listening.Listener(random_program(), source.rate, source.level, cells_per_place=10)
    summary = session.Summary(tuple(session.listen(listener, source.pieces(9999))))
    with pytest.raises(RuntimeError, match="must have the spikes of the complete recording, and differs"):
        session.compared(listener, word[:-2400], summary)


def test_events_of_a_live_grid_are_those_of_binning(word):
    spikes = cochlea.encode(word, spoken_digits.RATE, 0, cells_per_place=10)
    recording = parallel_encoding.recordings([spikes], np.zeros(1), np.zeros(1), ())
    for time_step_ms in (1.0, 4.0, 10.0):
        binned = binning.bin_events(recording, time_step_ms=time_step_ms, channels=140)
        # float16 seconds, from steps of the inner ear to steps of the grid
        step = np.round(spikes[0].astype(np.float64) * cochlea.RATE).astype(np.int64)
        spikes_at_once = streaming.Spikes(step, spikes[1], int(step.max()) + 1)
        events, _ = live_grid.LiveGrid(time_step_ms, 140).feed(spikes_at_once, last=True)
        np.testing.assert_array_equal(events.step * 140 + events.channel, binned.cell)
        np.testing.assert_array_equal(events.count, binned.count)
        assert events.length[0] == binned.length[0]


def test_steps_without_spikes_wait_for_the_next_spike_and_are_left_out_at_the_end():
    def spikes(step, end):
        return streaming.Spikes(np.array(step, np.int64), np.zeros(len(step), np.uint16), end)

    grid = live_grid.LiveGrid(10.0, 70)
    events, grid = grid.feed(spikes([10, 250], 1000))
    assert (events.step.tolist(), events.length.tolist(), grid.begin) == ([0, 1], [2], 2)
    events, grid = grid.feed(spikes([], 3000))
    assert (events.length.tolist(), grid.begin) == ([0], 2)
    events, later = grid.feed(spikes([3601], 3700))
    # step 15 is not complete at sample 3,700 of 3,840
    assert (events.length.tolist(), later.begin) == ([0], 2)
    events, _ = later.feed(spikes([], 9000))
    assert (events.step.tolist(), events.length.tolist()) == ([13], [14])
    events, _ = grid.feed(spikes([], 9000), last=True)
    assert events.length.tolist() == [0]


def test_command(capsys, wav, tmp_path):
    file = tmp_path / "net.snn"
    random_program().save(file)
    text = run(capsys, "listen", str(file), "--file", str(wav), "--check")
    assert "decision, time and slack" in text
    assert "times real time" in text
    assert "spikes and the scores equal those of the complete recording at once" in text
    facts = json.loads(run(capsys, "listen", str(file), "--file", str(wav), "--json", "--piece-ms", "100"))
    assert facts["class"] in ("one", "two", "three")
    assert facts["pieces"] == -(-round(facts["sound_s"] * 10, 6) // 1)
    error = fails(capsys, "listen", str(file), "--file", "nowhere.wav")
    assert "nowhere.wav must be a sound file" in error
    error = fails(capsys, "listen", str(file), "--check")
    assert "name it by --file" in error
    (tmp_path / "text.wav").write_text("no sound")
    assert "libsndfile must know the format" in fails(capsys, "listen", str(file), "--file", str(tmp_path / "text.wav"))


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_c_runtime_decides_alike(capsys, wav, tmp_path):
    file, spikes, folder = tmp_path / "net.snn", tmp_path / "word.spikes", tmp_path / "net-c"
    program = random_program()
    program.save(file)
    facts = json.loads(run(capsys, "listen", str(file), "--file", str(wav), "--spikes", str(spikes), "--json"))
    export.write(program, "c", folder)
    subprocess.run(["make", "-s", "-C", str(folder), "run"], check=True)
    numbers = np.frombuffer(
        subprocess.run([str(folder / "run")], input=spikes.read_bytes(), stdout=subprocess.PIPE, check=True).stdout,
        np.int32,
    )
    assert program.classes[numbers[-1]] == facts["class"]
    # a step is a number of spikes, the neurons, and three membranes; the class comes last
    assert len(numbers) == facts["spikes"] + 4 * np.frombuffer(spikes.read_bytes(), np.int32)[0] + 1


def test_the_model_of_the_package_is_that_of_its_card():
    program = listening.load()
    card = (shipped.FOLDER / f"{listening.SHIPPED}.md").read_text(encoding="utf-8")
    assert (shipped.FOLDER / f"{listening.SHIPPED}.snn").stat().st_size <= 300_000
    assert program.digest()[:16] in card
    assert program.classes == spoken_digits.WORDS
    assert program.fixed.weight_bits == 8
    assert "/" not in program.provenance["config"].replace("https://", "")


def test_the_model_of_the_package_knows_words_of_other_voices(capsys, tmp_path):
    # words of the test split, whose voices are not in the training
    for number in (2, 47):
        path = tmp_path / f"{number}.wav"
        soundfile.write(
            path, spoken_digits.utterance("test", number, seed=0) * 0.1, spoken_digits.RATE, subtype="FLOAT"
        )
        facts = json.loads(run(capsys, "listen", "--file", str(path), "--json"))
        assert facts["class"] == spoken_digits.WORDS[number % 20]


def test_programs_that_cannot_listen_are_refused():
    with pytest.raises(ValueError, match=r"must divide the 700.*the program has 30"):
        listening.Listener(random_program(channels=30), 24_000, cochlea.Level(0.0, 1.0, 1.0))


def test_lines_have_one_width(word):
    program = random_program()
    source = sound.of_samples(word, spoken_digits.RATE)
    listener = listening.Listener(program, source.rate, source.level, cells_per_place=10)
    lines = [live_raster.line(program, moment.heard, 40) for moment in session.listen(listener, source.pieces(1200))]
    assert (
        {len(line) for line in lines}
        == {len(live_raster.header(program, 40))}
        == {sum(live_raster.widths(program, 40)) + 1}
    )
    assert any(set(line) - set(" |") for line in lines)


def speech_and_silence(rate=48_000):
    """Return 0.5 s of silence, 0.4 s of noise, 0.6 s of silence and 0.4 s of noise."""
    rng = np.random.default_rng(0)
    parts = [(0.5, 0.001), (0.4, 0.3), (0.6, 0.001), (0.4, 0.3), (0.5, 0.001)]
    return np.concatenate([scale * rng.normal(size=round(seconds * rate)) for seconds, scale in parts])


def test_utterances_begin_before_their_onset_and_end_in_silence():
    samples, rate, level = speech_and_silence(), 48_000, cochlea.Level(0.0, 1.0, 1.0)
    pieces = (samples[first : first + 1700] for first in range(0, len(samples), 1700))
    heard = [np.concatenate(list(utterance)) for utterance in sound.utterances(pieces, rate, level)]
    # 0.1 s before the onset, 0.4 s of speech and 0.3 s of silence, up to a frame of 20 ms
    assert [len(each) / rate for each in heard] == pytest.approx([0.8, 0.8], abs=0.021)
    first = round(0.4 * rate)
    np.testing.assert_array_equal(heard[0], samples[first : first + len(heard[0])])


def test_a_long_sound_is_cut():
    samples, level = np.random.default_rng(0).normal(size=96_000), cochlea.Level(0.0, 1.0, 1.0)
    heard = [np.concatenate(list(each)) for each in sound.utterances(iter([samples]), 48_000, level)]
    assert len(heard[0]) == round(sound.LONGEST_S * 48_000)


def test_level_of_a_microphone_is_that_of_its_loud_frames():
    samples = speech_and_silence()
    pieces = iter([samples[: 48_000 * 2], samples])
    level = sound.measured_level(pieces, 2.0)
    loud = cochlea.resampled(samples[24_000:43_200], 48_000)
    assert np.sqrt(np.mean(level.applied(loud) ** 2)) == pytest.approx(0.3, rel=0.2)
    with pytest.raises(ValueError, match="microphone must deliver sound"):
        sound.measured_level(iter([np.zeros(96_000)]), 1.0)


def test_a_microphone_needs_its_package(capsys, monkeypatch, tmp_path):
    file = tmp_path / "net.snn"
    random_program().save(file)
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    error = fails(capsys, "listen", str(file))
    assert "snnsim[listen]" in error
    assert "--file x.wav" in error


class Microphone:
    """A stand-in for sounddevice: pieces of speech and silence, then Ctrl-C."""

    PortAudioError = OSError

    class InputStream:
        def __init__(self, *, samplerate, blocksize, callback, **_):
            self.samples, self.size, self.callback = speech_and_silence(samplerate), blocksize, callback

        def __enter__(self):
            loud = 0.3 * np.random.default_rng(1).normal(size=3 * 48_000)
            for samples in (loud, self.samples):
                for first in range(0, len(samples), self.size):
                    self.callback(samples[first : first + self.size, None].astype(np.float32), None, None, None)

        def __exit__(self, *_):
            pass


def test_a_microphone_is_listened_to(capsys, monkeypatch, tmp_path):
    file = tmp_path / "net.snn"
    random_program().save(file)
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", Microphone)
    get = sound.queue.Queue.get

    def get_or_stop(waiting):
        if waiting.empty():
            raise KeyboardInterrupt
        return get(waiting)

    monkeypatch.setattr(sound.queue.Queue, "get", get_or_stop)
    with pytest.raises(SystemExit) as stopped:
        run(capsys, "listen", str(file), "--json")
    assert stopped.value.code == 130
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["sound_s"] for line in lines] == pytest.approx([0.8, 0.8], abs=0.05)
