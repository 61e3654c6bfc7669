from pathlib import Path

import numpy as np
import pytest
import soundfile

from snnsim.data import heidelberg
from snnsim.data.speech import audio_files, cochlea, parallel_encoding
from snnsim.data.speech.phonemes import WORDS

RATE = 8000


def write_audio(path, seed=0, seconds=0.15, channels=1):
    sound = 0.1 * np.random.default_rng(seed).normal(size=(round(seconds * RATE), 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(sound, channels, axis=1), RATE)
    return path


def run(paths, output, **options):
    return audio_files.encode_files(paths, output, progress=False, cells_per_place=10, **options)


@pytest.fixture
def commands(tmp_path):
    """A folder laid out like Speech Commands."""
    home = tmp_path / "commands"
    for seed, name in enumerate(
        ["yes/aa11_nohash_0.wav", "no/ff22_nohash_0.wav", "no/aa11_nohash_1.flac", "yes/none.ogg"]
    ):
        write_audio(home / name, seed)
    write_audio(home / "_background_noise_" / "hum.wav")
    (home / "README.md").write_text("not audio")
    return home


def test_folders_become_classes(commands, tmp_path):
    summary = run([commands], tmp_path / "out.h5")
    result = heidelberg.read(tmp_path / "out.h5")
    assert summary == audio_files.Encoded(4, len(result.unit), ("no", "yes"))
    assert result.classes == ("no", "yes")
    assert result.label.tolist() == [0, 0, 1, 1]
    assert result.speaker.tolist() == [0, 1, 0, -1]
    assert np.all(np.diff(result.offset) > 50)
    assert {path.name for path in tmp_path.iterdir()} == {"commands", "out.h5"}


def test_a_symbolic_link_has_the_class_and_the_speaker_of_its_own_name(tmp_path):
    target = write_audio(tmp_path / "pool" / "speaker-7.wav")
    for name in ("no/speaker-1.wav", "yes/speaker-2.wav"):
        link = tmp_path / "words" / name
        link.parent.mkdir(parents=True)
        link.symlink_to(target)
    files = audio_files.audio_files([tmp_path / "words", tmp_path / "words" / "no" / ".." / "yes" / "speaker-2.wav"])
    label, classes = audio_files.labels(files)
    assert [classes[number] for number in label] == ["no", "yes"]
    assert audio_files.speakers(files).tolist() == [1, 2]


def test_bytes_do_not_depend_on_workers_and_order(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel_encoding, "CHUNK", 2)
    files = [path for path in commands.glob("[yn]*/*") if path.is_file()]
    run([commands], tmp_path / "one.h5", workers=1)
    run([*files[::-1], commands], tmp_path / "two.h5", workers=2)
    run([commands], tmp_path / "other.h5", seed=1)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    assert (tmp_path / "one.h5").read_bytes() != (tmp_path / "other.h5").read_bytes()


def test_equal_recordings_have_different_noise(tmp_path):
    for name in ("a.wav", "b.wav"):
        write_audio(tmp_path / "word" / name, seed=5)
    run([tmp_path / "word"], tmp_path / "out.h5")
    result = heidelberg.read(tmp_path / "out.h5")
    assert not np.array_equal(result.events(0)[1], result.events(1)[1])


def test_spikes_are_those_of_the_cochlea(tmp_path):
    path = write_audio(tmp_path / "word" / "a.wav")
    run([path], tmp_path / "out.h5", seed=3)
    seed = int(np.random.SeedSequence(3).generate_state(1, np.uint64)[0])
    time, unit = cochlea.encode(soundfile.read(path)[0], RATE, seed, cells_per_place=10)
    time_ms, result = heidelberg.read(tmp_path / "out.h5").events(0)
    np.testing.assert_array_equal(time_ms, time.astype(np.float32) * 1000)
    np.testing.assert_array_equal(result, unit)


def test_stereo_is_averaged(tmp_path):
    for channels in (1, 2):
        write_audio(tmp_path / str(channels) / "a.wav", seed=5, channels=channels)
        run([tmp_path / str(channels)], tmp_path / f"{channels}.h5")
    mono, stereo = (heidelberg.read(tmp_path / f"{channels}.h5") for channels in (1, 2))
    np.testing.assert_array_equal(mono.time_ms, stereo.time_ms)
    np.testing.assert_array_equal(mono.unit, stereo.unit)


def test_heidelberg_names_lead_to_the_classes_of_shd():
    names = ["lang-english_speaker-03_trial-7_digit-4.flac", "lang-german_speaker-11_trial-0_digit-5.flac"]
    result = [Path("audio") / name for name in names]
    label, classes = audio_files.labels(result)
    assert classes == WORDS
    assert [classes[number] for number in label] == ["four", "fuenf"]
    assert audio_files.speakers(result).tolist() == [3, 11]


def test_mixed_names_lead_to_classes_by_folder():
    result = [Path("word/a.wav"), Path("audio/lang-german_speaker-11_trial-0_digit-5.flac")]
    label, classes = audio_files.labels(result)
    assert classes == ("fuenf", "word")
    assert label.tolist() == [1, 0]


def test_speakers_are_numbers_then_hashes_then_unknown():
    names = [
        "x_speaker_7.wav",
        "b_nohash_0.wav",
        "a_nohash_0.wav",
        "b_nohash_1.wav",
        "plain.wav",
        "speaker-2.wav",
    ]
    assert audio_files.speakers([Path(name) for name in names]).tolist() == [7, 9, 8, 9, -1, 2]
    with pytest.raises(ValueError, match=r"must be below 65535.*speaker-70000"):
        audio_files.speakers([Path("speaker-70000.wav")])


def test_missing_files_and_empty_lists_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    write_audio(tmp_path / "_noise" / "hum.wav")
    with pytest.raises(FileNotFoundError, match=rf"at least one audio file \(.wav, .flac.*found none in {tmp_path}"):
        run([tmp_path], tmp_path / "out.h5")
    with pytest.raises(FileNotFoundError, match="found none in an empty list"):
        run([], tmp_path / "out.h5")
    with pytest.raises(FileNotFoundError, match=r"missing\.wav must be an audio file or a folder"):
        run([tmp_path / "missing.wav"], tmp_path / "out.h5")


def test_an_explicit_hidden_folder_is_read(tmp_path):
    write_audio(tmp_path / "_noise" / "hum.wav")
    assert run([tmp_path / "_noise"], tmp_path / "out.h5").classes == ("_noise",)


def test_all_unfit_files_are_named_before_anything_is_encoded(tmp_path, monkeypatch):
    word = tmp_path / "word"
    write_audio(word / "a.wav")
    write_audio(word / "short.wav", seconds=0.01)
    soundfile.write(word / "silent.wav", np.zeros(RATE), RATE)
    (word / "text.wav").write_text("this is no sound")
    monkeypatch.setattr(audio_files.cochlea, "encode", None)
    with pytest.raises(ValueError, match=r"3 of 4 are not\. Nothing was written") as raised:
        run([word], tmp_path / "out.h5")
    lines = str(raised.value).splitlines()[1:]
    for line, (name, reason) in zip(
        lines,
        [("short", "got 80 samples"), ("silent", "must hold a sound"), ("text", "libsndfile")],
        strict=True,
    ):
        assert f"{name}.wav" in line
        assert reason in line
    assert list(tmp_path.iterdir()) == [word]


def test_an_existing_file_survives_an_error(tmp_path):
    write_audio(tmp_path / "word" / "a.wav")
    run([tmp_path / "word"], tmp_path / "out.h5")
    before = (tmp_path / "out.h5").read_bytes()
    (tmp_path / "word" / "b.wav").write_text("broken")
    with pytest.raises(ValueError, match=r"b\.wav"):
        run([tmp_path / "word"], tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes() == before


def test_a_second_call_continues_unless_a_file_changed(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel_encoding, "CHUNK", 1)
    heard, hear = [], audio_files.cochlea.encode

    def breaks_at_the_third(*arguments, **options):
        heard.append(arguments)
        if len(heard) == 3:
            raise KeyboardInterrupt
        return hear(*arguments, **options)

    def broken_run():
        heard.clear()
        with pytest.raises(KeyboardInterrupt):
            run([commands], tmp_path / "out.h5", workers=1)
        heard.clear()

    monkeypatch.setattr(audio_files.cochlea, "encode", breaks_at_the_third)
    broken_run()
    run([commands], tmp_path / "out.h5", workers=1)
    assert 1 <= len(heard) <= 2
    broken_run()
    write_audio(commands / "yes" / "aa11_nohash_0.wav", seed=9)
    heard += [None] * 3
    run([commands], tmp_path / "out.h5", workers=1)
    assert len(heard) == 3 + 4
    assert {path.name for path in tmp_path.iterdir()} == {"commands", "out.h5"}


def test_seed_is_checked(tmp_path):
    with pytest.raises(ValueError, match="must not be negative; got -2"):
        run([tmp_path], tmp_path / "out.h5", seed=-2)
