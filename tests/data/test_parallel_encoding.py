import numpy as np
import pytest

from snnsim.data.speech import parallel_encoding


class Encoder:
    """An encoder of known spikes that counts its calls, and may fail at one recording."""

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


def encode_all(encoder, partial, count=9, **options):
    return parallel_encoding.encode_all(encoder, count, partial=partial, progress=False, **options)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(parallel_encoding, "CHUNK", 2)


@pytest.mark.parametrize("workers", [1, 3, None])
def test_spikes_are_in_order_for_any_number_of_workers(tmp_path, workers):
    spikes = encode_all(Encoder(), tmp_path / "partial", workers=workers)
    assert len(spikes) == 9
    for number, result in enumerate(spikes):
        for array, expected in zip(result, Encoder()(number), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_a_second_call_continues_a_broken_one(tmp_path):
    partial = tmp_path / "partial"
    with pytest.raises(RuntimeError, match="no current at 7"):
        encode_all(Encoder(broken=7), partial, workers=1)
    assert {path.name for path in partial.iterdir()} - {"chunk-8.npz"} == {f"chunk-{n}.npz" for n in (0, 2, 4)}
    second = Encoder()
    spikes = encode_all(second, partial, workers=1)
    # the chunk after the broken one may have been under way already
    assert second.calls in ([6, 7], [6, 7, 8])
    for number, result in enumerate(spikes):
        for array, expected in zip(result, Encoder()(number), strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype


def test_remove_partial_removes_chunks_and_no_other_file(tmp_path):
    partial = tmp_path / "partial"
    encode_all(Encoder(), partial)
    (partial / "other").touch()
    parallel_encoding.remove_partial(partial)
    assert [path.name for path in partial.iterdir()] == ["other"]
    (partial / "other").unlink()
    parallel_encoding.remove_partial(partial)
    assert not partial.exists()
    parallel_encoding.remove_partial(partial)


def test_zero_workers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one worker; got 0"):
        encode_all(Encoder(), tmp_path, workers=0)


def test_progress_is_shown_on_standard_error(tmp_path, capsys):
    parallel_encoding.encode_all(Encoder(), 3, partial=tmp_path, title="making digits")
    shown = capsys.readouterr()
    assert "making digits: 100%" in shown.err
    assert "3/3" in shown.err
    assert shown.out == ""


def test_recordings_have_the_spikes_of_each_number(tmp_path):
    spikes = encode_all(Encoder(), tmp_path, count=4)
    recordings = parallel_encoding.recordings(spikes, np.array([1, 0, 1, 0]), np.array([5, 5, 6, -1]), ["no", "yes"])
    assert recordings.classes == ("no", "yes")
    assert recordings.label.tolist() == [1, 0, 1, 0]
    assert recordings.speaker.tolist() == [5, 5, 6, -1]
    for number in range(4):
        time_ms, unit = recordings.events(number)
        np.testing.assert_array_equal(time_ms, Encoder()(number)[0].astype(np.float32) * 1000)
        np.testing.assert_array_equal(unit, Encoder()(number)[1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-40],
        lambda content: content[:70] + bytes(20) + content[90:],
        lambda content: b"x" * len(content),
    ],
)
def test_a_damaged_chunk_is_encoded_again_with_a_warning(tmp_path, damage):
    expected_spikes = encode_all(Encoder(), tmp_path)
    path = tmp_path / "chunk-2.npz"
    path.write_bytes(damage(path.read_bytes()))
    second = Encoder()
    with pytest.warns(UserWarning, match=r"chunk-2\.npz: the kept recordings are damaged and are encoded again"):
        result = encode_all(second, tmp_path, workers=1)
    assert second.calls == [2, 3]
    for actual, expected in zip(result, expected_spikes, strict=True):
        np.testing.assert_array_equal(actual[0], expected[0])
        np.testing.assert_array_equal(actual[1], expected[1])


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
