import numpy as np
import pytest

from snnsim.data import heidelberg
from snnsim.data.speech import parallel_encoding
from snnsim.data.synthetic import spoken_digits
from snnsim.data.synthetic.spoken_digits import Recipe, SpokenDigits

TINY = {"train": 5, "valid": 2, "test": 2}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(spoken_digits.SIZES, "tiny", TINY)
    monkeypatch.setattr(parallel_encoding, "CHUNK", 2)


def tiny(**options):
    return SpokenDigits(Recipe("tiny"), progress=False, **options)


def fake_spikes(split, number, *, seed):
    generator = np.random.default_rng((len(split), number, seed))
    time = np.sort(generator.random(30)).astype(np.float16)
    return time, generator.integers(0, 700, 30).astype(np.uint16)


def contents(paths):
    return {split: path.read_bytes() for split, path in paths.items()}


def test_bytes_do_not_depend_on_the_workers(tmp_path):
    one = tiny(workers=1).make(tmp_path / "one", 3)
    two = tiny(workers=2).make(tmp_path / "two", 3)
    assert contents(one) == contents(two)
    names = ["digits_test.h5", "digits_train.h5", "digits_valid.h5"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names


def test_files_hold_labeled_speech(tmp_path):
    paths = tiny().make(tmp_path)
    train = heidelberg.read(paths["train"])
    assert len(train) == 5
    assert train.label.tolist() == [0, 1, 2, 3, 4]
    assert train.classes == spoken_digits.WORDS
    assert train.units == 700
    assert np.all(np.diff(train.offset) > 1000)
    assert 200 < train.time_ms.max() < 2000


def test_every_file_holds_the_spikes_of_its_split(tmp_path, monkeypatch):
    monkeypatch.setattr(spoken_digits, "encoded", fake_spikes)
    for split, path in tiny().make(tmp_path, 8).items():
        recordings = heidelberg.read(path)
        assert len(recordings) == TINY[split]
        for number in range(len(recordings)):
            time_ms, unit = recordings.events(number)
            time, expected = fake_spikes(split, number, seed=8)
            np.testing.assert_array_equal(time_ms, time.astype(np.float32) * 1000)
            np.testing.assert_array_equal(unit, expected)
            assert (recordings.label[number], recordings.speaker[number]) == spoken_digits.labeled(split, number)


def test_no_two_utterances_share_random_numbers():
    draws = [spoken_digits._sequence(split, number, seed) for split in TINY for number in range(3) for seed in (0, 1)]
    assert len({int(draw.generate_state(1)[0]) for draw in draws}) == 18


def test_seeds_differ():
    one, other = (spoken_digits.utterance("train", 0, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one[:1000], other[:1000])
    assert not np.array_equal(spoken_digits.speaker(0, seed=0).echo, spoken_digits.speaker(0, seed=1).echo)


def test_splits_share_no_voice_and_no_sound():
    speakers = [set(group) for group in spoken_digits.VOICES.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 23
    for split, group in spoken_digits.VOICES.items():
        assert {spoken_digits.labeled(split, number)[1] for number in range(1000)} == set(group)
    same_word = [spoken_digits.utterance(split, 0, seed=0) for split in spoken_digits.VOICES]
    assert len({audio[:100].tobytes() for audio in same_word}) == 3
    voices = [spoken_digits.speaker(number, seed=0).voice.pitch for number in range(23)]
    assert len(set(voices)) == 23


@pytest.mark.parametrize("size", ["small", "default", "full"])
def test_words_are_balanced(size):
    for split, count in spoken_digits.SIZES[size].items():
        label, who = zip(*(spoken_digits.labeled(split, number) for number in range(count)), strict=True)
        assert np.ptp(np.bincount(label, minlength=20)) == 0
        assert np.ptp(np.bincount(who)[min(spoken_digits.VOICES[split]) :]) <= 20


def test_utterances_have_noise_and_silence_around_the_word():
    audio = spoken_digits.utterance("train", 7, seed=0)
    edge, middle = audio[:400].std(), audio[audio.size // 4 : -audio.size // 4].std()
    assert 0 < edge < 0.5 * middle
    np.testing.assert_array_equal(audio, spoken_digits.utterance("train", 7, seed=0))


def test_a_broken_make_writes_no_file_and_the_next_call_continues(tmp_path, monkeypatch):
    calls = []

    def breaks(split, number, *, seed):
        calls.append((split, number))
        if split == "test":
            raise KeyboardInterrupt
        return fake_spikes(split, number, seed=seed)

    monkeypatch.setattr(spoken_digits, "encoded", breaks)
    with pytest.raises(KeyboardInterrupt):
        tiny(workers=1).make(tmp_path / "a")
    assert not list((tmp_path / "a").glob("*.h5"))
    monkeypatch.setattr(spoken_digits, "encoded", fake_spikes)
    resumed = tiny().make(tmp_path / "a")
    uninterrupted = tiny().make(tmp_path / "b")
    assert contents(resumed) == contents(uninterrupted)
    assert not list((tmp_path / "a").glob(".*"))
    assert calls.count(("train", 0)) == 1


def test_prepare_generates_missing_files_only(tmp_path, monkeypatch):
    monkeypatch.setattr(spoken_digits, "encoded", fake_spikes)
    home = tiny().prepare(4)
    assert home == tiny().folder(4)
    assert home.is_relative_to(tmp_path / "cache" / "digits")
    monkeypatch.setattr(spoken_digits, "encoded", None)
    assert tiny().prepare(4) == home
    (home / "digits_valid.h5").unlink()
    monkeypatch.setattr(spoken_digits, "encoded", fake_spikes)
    tiny().prepare(4)
    assert (home / "digits_valid.h5").is_file()


def test_every_size_and_seed_has_a_folder_of_its_own():
    folders = {SpokenDigits(Recipe(size)).folder(seed) for size in spoken_digits.SIZES for seed in range(3)}
    assert len(folders) == 3 * len(spoken_digits.SIZES)


def test_unknown_size_and_negative_seed_are_refused():
    with pytest.raises(ValueError, match=r"must be one of small, default, full.*got 'huge'"):
        Recipe("huge")
    with pytest.raises(ValueError, match="must not be negative; got -1"):
        SpokenDigits(Recipe("small")).prepare(-1)
