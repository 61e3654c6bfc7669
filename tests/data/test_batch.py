import numpy as np
import pytest

from snnsim.data.speech import parallel_encoding


class Encoder:
    """Gives known spikes, counts its calls, and fails at one recording if told to."""

    def __init__(self, broken=None):
        self.broken, self.calls = broken, []

    def __call__(self, number):
        self.calls.append(number)
        if number == self.broken:
            raise RuntimeError(f"no current at {number}")
        generator = np.random.default_rng(number)
        count = number % 4
        time = np.sort(generator.random(count)).astype(np.float16)
        return time, generator.integers(0, 700, count).astype(np.uint16)


def encode_all(encoder, kept, count=9, **options):
    return parallel_encoding.encode_all(encoder, count, kept=kept, progress=False, **options)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(parallel_encoding, "CHUNK", 2)


@pytest.mark.parametrize("workers", [1, 3, None])
def test_results_come_in_order_whatever_the_workers(tmp_path, workers):
    spikes = encode_all(Encoder(), tmp_path / "kept", workers=workers)
    assert len(spikes) == 9
    for number, found in enumerate(spikes):
        for array, expected in zip(found, Encoder()(number), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_a_second_call_goes_on_where_the_first_one_broke(tmp_path):
    kept = tmp_path / "kept"
    with pytest.raises(RuntimeError, match="no current at 7"):
        encode_all(Encoder(broken=7), kept, workers=1)
    assert {path.name for path in kept.iterdir()} - {"chunk-8.npz"} == {f"chunk-{n}.npz" for n in (0, 2, 4)}
    second = Encoder()
    spikes = encode_all(second, kept, workers=1)
    # the chunk after the broken one may have been under way already
    assert second.calls in ([6, 7], [6, 7, 8])
    for number, found in enumerate(spikes):
        for array, expected in zip(found, Encoder()(number), strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype


def test_forget_removes_the_chunks_but_nothing_of_others(tmp_path):
    kept = tmp_path / "kept"
    encode_all(Encoder(), kept)
    (kept / "other").touch()
    parallel_encoding.forget(kept)
    assert [path.name for path in kept.iterdir()] == ["other"]
    (kept / "other").unlink()
    parallel_encoding.forget(kept)
    assert not kept.exists()
    parallel_encoding.forget(kept)


def test_there_must_be_a_worker(tmp_path):
    with pytest.raises(ValueError, match="at least one worker; got 0"):
        encode_all(Encoder(), tmp_path, workers=0)


def test_progress_is_shown_on_standard_error(tmp_path, capsys):
    parallel_encoding.encode_all(Encoder(), 3, kept=tmp_path, title="making digits")
    shown = capsys.readouterr()
    assert "making digits: 100%" in shown.err
    assert "3/3" in shown.err
    assert shown.out == ""


def test_recordings_keep_the_spikes_of_each(tmp_path):
    spikes = encode_all(Encoder(), tmp_path, count=4)
    made = parallel_encoding.recordings(spikes, np.array([1, 0, 1, 0]), np.array([5, 5, 6, -1]), ["no", "yes"])
    assert made.classes == ("no", "yes")
    assert made.label.tolist() == [1, 0, 1, 0]
    assert made.speaker.tolist() == [5, 5, 6, -1]
    for number in range(4):
        time_ms, unit = made.events(number)
        np.testing.assert_array_equal(time_ms, Encoder()(number)[0].astype(np.float32) * 1000)
        np.testing.assert_array_equal(unit, Encoder()(number)[1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[:-40],
        lambda whole: whole[:70] + bytes(20) + whole[90:],
        lambda whole: b"x" * len(whole),
    ],
)
def test_a_damaged_chunk_is_encoded_again_with_a_word(tmp_path, damage):
    wanted = encode_all(Encoder(), tmp_path)
    path = tmp_path / "chunk-2.npz"
    path.write_bytes(damage(path.read_bytes()))
    second = Encoder()
    with pytest.warns(UserWarning, match=r"chunk-2\.npz: the kept recordings are damaged and are encoded again"):
        found = encode_all(second, tmp_path, workers=1)
    assert second.calls == [2, 3]
    for got, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("change", ["time", "unit", "ends"])
def test_a_chunk_with_other_arrays_is_encoded_again(tmp_path, change):
    encode_all(Encoder(), tmp_path)
    path = tmp_path / "chunk-2.npz"
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files}
    arrays[change] = arrays[change][::-1] + arrays[change].dtype.type(1)
    np.savez(path, **arrays)
    with pytest.warns(UserWarning, match="encoded again"):
        encode_all(Encoder(), tmp_path)
