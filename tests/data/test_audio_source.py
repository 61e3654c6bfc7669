"""Audio of users by class: through the inner ear, or as log-mel frames whose bands are where they should be."""

import numpy as np
import pytest
import soundfile

from helpers.own_data import config
from snnsim import files
from snnsim.data.coding.kinds import LogMel
from snnsim.data.sources import audio_source, loading, log_mel
from snnsim.data.sources.source import Settings
from snnsim.experiment import datasets, own_data

RATE = 8000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    loading._opened.cache_clear()


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def tone(hertz, seconds=0.1):
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)


@pytest.fixture
def folder(tmp_path):
    for name, hertz in (("high", 3000.0), ("low", 400.0)):
        for speaker in range(4):
            path = tmp_path / "audio" / name / f"{name}_speaker-{speaker}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(hertz * (1 + speaker / 50)), RATE)
    return tmp_path / "audio"


def plain_log_mel(sound, rate, coding, step):
    """Return log-mel frames by plain loops over the definition."""
    size = round(coding.window_ms * rate / 1000)
    window = [0.5 - 0.5 * np.cos(2 * np.pi * n / size) for n in range(size)]
    high = min(coding.high_hz, rate / 2)
    mel = np.linspace(*(2595 * np.log10(1 + hertz / 700) for hertz in (coding.low_hz, high)), coding.bands + 2)
    corner = 700 * (10 ** (mel / 2595) - 1)
    frames = []
    for number in range(int(np.ceil(len(sound) / (step * rate / 1000)))):
        center = int(np.floor(number * step * rate / 1000 + 0.5))
        power = np.zeros(size // 2 + 1)
        samples = np.array([sound[index] if 0 <= index < len(sound) else 0.0
                            for index in range(center - size // 2, center - size // 2 + size)])  # fmt: skip
        for frequency in range(size // 2 + 1):
            angle = -2j * np.pi * frequency * np.arange(size) / size
            power[frequency] = abs(np.sum(window * samples * np.exp(angle))) ** 2
        bands = []
        for band in range(coding.bands):
            low, middle, top = corner[band : band + 3]
            hertz = np.arange(size // 2 + 1) * rate / size
            weight = np.clip(np.minimum((hertz - low) / (middle - low), (top - hertz) / (top - middle)), 0, None)
            bands.append(np.log(weight @ power + 1e-6))
        frames.append(bands)
    return np.array(frames)


def test_log_mel_frames_agree_with_their_definition():
    sound = tone(700.0, 0.05) + np.random.default_rng(0).normal(0, 0.01, 400)
    coding = LogMel(bands=12, window_ms=16.0)
    frames = log_mel.frames(sound, RATE, coding, 7.5)
    np.testing.assert_allclose(frames, plain_log_mel(sound, RATE, coding, 7.5), rtol=1e-5)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100])
def test_a_whole_number_of_steps_has_as_many_frames(rate):
    coding = LogMel(bands=2, window_ms=0.1)
    for tenths in range(1, 200, 3):
        sizes = [steps * tenths * rate // 10_000 + more for steps in (10, 100, 1000, 5000) for more in (0, 1)]
        steps = [max(1, -(-size * 10_000 // (tenths * rate))) for size in sizes]
        assert [len(log_mel.frames(np.zeros(size), rate, coding, tenths / 10)) for size in sizes] == steps


def test_a_tone_is_in_its_band_and_no_band_is_empty():
    coding = LogMel(bands=40)
    band = [int(log_mel.frames(tone(hertz), RATE, coding, 10.0)[5].argmax()) for hertz in (300.0, 1000.0, 3000.0)]
    assert band == sorted(set(band))
    assert (log_mel.filters(64, RATE, LogMel(bands=100)).sum(1) > 0).all()
    with pytest.raises(ValueError, match=r"data\.coding\.low_hz must be below the highest frequency, 4000 Hz"):
        log_mel.filters(256, RATE, LogMel(low_hz=5000.0, high_hz=9000.0))


def test_a_folder_is_split_by_speaker_and_coded_as_log_mel(folder):
    run = own_data.resolved(config("audio", folder, **{"data.coding": "log_mel", "data.coding.bands": 20}))
    assert run.data.channels == 20
    parts = datasets.load_splits(run, "train", "valid")
    speaker = parts["train"].binned.speaker
    assert not set(speaker[parts["train"].indices]) & set(speaker[parts["valid"].indices])
    frames, length = parts["train"].binned.dense(np.array([0, 7]))
    assert frames.shape == (10, 2, 20)
    assert length.tolist() == [10, 10]
    assert frames[5, 0].argmax() > frames[5, 1].argmax()


def test_other_numbers_of_channels_than_those_of_the_coding_are_refused(folder):
    run = config("audio", folder, **{"data.coding": "log_mel", "data.channels": 7})
    with pytest.raises(ValueError, match=r"data\.channels must be 140, the number of channels of the coding, not 7"):
        datasets.load_splits(run, "train")


def test_a_folder_through_the_inner_ear(folder):
    for path in folder.glob("*/*"):
        # one short file of each class, as the model is slow
        if "speaker-0" in path.name:
            soundfile.write(path, soundfile.read(path)[0][:520], RATE)
        else:
            path.unlink()
    run = own_data.resolved(config("audio", folder, **{"data.channels": 70}))
    part = datasets.load_splits(run, "train")["train"]
    cut_in_half(next(files.cache_folder().glob("audio/*.h5")))
    loading._opened.cache_clear()
    with pytest.warns(UserWarning, match=r"the kept file is damaged .* and is generated again"):
        second = datasets.load_splits(run, "train")["train"]
    np.testing.assert_array_equal(second.binned.dense(np.array([0, 1]))[0], part.binned.dense(np.array([0, 1]))[0])
    assert part.binned.classes == ("high", "low")
    counts = part.binned.dense(np.array([0, 1]))[0].sum(0)
    weighted = counts @ np.arange(70) / counts.sum(1)
    # the units of the inner ear descend with the frequency
    assert weighted[0] < weighted[1]
    assert len(part.recordings()) == 2


def test_damaged_frames_of_the_cache_are_generated_again(folder):
    settings = Settings(time_step_ms=10.0, coding=LogMel(bands=4))
    frames = audio_source.source(folder, settings).gridded().dense(np.arange(8))[0]
    cut_in_half(next(files.cache_folder().glob("audio/*.npz")))
    with pytest.warns(UserWarning, match=r"the kept file is damaged .* and is generated again"):
        second = audio_source.source(folder, settings).gridded().dense(np.arange(8))[0]
    np.testing.assert_array_equal(second, frames)


def test_lists_of_speech_commands_are_splits(folder):
    (folder / "validation_list.txt").write_text("high/high_speaker-1.wav\nlow/low_speaker-1.wav\n")
    (folder / "testing_list.txt").write_text("high/high_speaker-2.wav\n")
    source = audio_source.source(folder, Settings(time_step_ms=10.0, coding=LogMel(bands=4)))
    assert np.bincount(source.annotations.split).tolist() == [5, 2, 1]


def test_files_that_cannot_be_read_are_counted(folder):
    (folder / "high" / "a.wav").write_bytes(b"RIFF")
    assert "must be readable; 1 files are not, first" in audio_source.check(folder).errors[0]


def test_samples_that_are_not_finite_are_refused_by_name(folder):
    sound = tone(400.0)
    sound[5] = np.nan
    soundfile.write(folder / "low" / "z.wav", sound, RATE, subtype="FLOAT")
    (error,) = audio_source.check(folder).errors
    assert "z.wav: audio must be finite; 1 of 800 samples are NaN or infinite" in error
    with pytest.raises(ValueError, match=r"z\.wav: audio must be finite"):
        audio_source.source(folder, Settings(time_step_ms=10.0, coding=LogMel(bands=4)))


@pytest.mark.parametrize(("sound", "reason"), [(np.zeros(800), "must hold a sound"), (tone(400.0, 0.05), "must last")])
def test_files_that_the_inner_ear_refuses_are_doubts(folder, sound, reason):
    assert not audio_source.check(folder).warnings
    soundfile.write(folder / "low" / "z.wav", sound, RATE)
    findings = audio_source.check(folder)
    (warning,) = findings.warnings
    assert warning.startswith("audio is fit for data.coding=log_mel alone: inner_ear refuses 1 files, first ")
    assert f"z.wav: encode: audio {reason}" in warning
    assert not findings.errors


def test_a_class_may_have_the_name_of_a_split(folder):
    (folder / "low").rename(folder / "train")
    assert audio_source.parts(folder) == {"all": folder}
    assert audio_source.source(folder, Settings(time_step_ms=10.0, coding=LogMel())).annotations.classes == (
        "high",
        "train",
    )


def test_recordings_of_a_test_folder_are_not_trained_on(folder):
    (folder / "test" / "low").mkdir(parents=True)
    soundfile.write(folder / "test" / "low" / "a.wav", tone(400.0), RATE)
    with pytest.raises(FileNotFoundError, match=r"there must be train/CLASS/FILE\.wav"):
        audio_source.parts(folder)
    (folder / "train").mkdir()
    for name in ("low", "high"):
        (folder / name).rename(folder / "train" / name)
    assert audio_source.parts(folder) == {split: folder / split for split in ("train", "test")}


def test_a_test_list_alone_keeps_its_recordings_out_of_training(folder):
    (folder / "testing_list.txt").write_text("high/high_speaker-3.wav\nlow/low_speaker-3.wav\n")
    data = config("audio", folder, **{"data.coding": LogMel(bands=8), "data.channels": 8})
    parts = datasets.load_splits(data, "train", "valid", "test")
    speakers = {split: set(part.binned.speaker[part.indices].tolist()) for split, part in parts.items()}
    assert speakers["test"] == {3}
    assert speakers["train"] | speakers["valid"] == {0, 1, 2}
