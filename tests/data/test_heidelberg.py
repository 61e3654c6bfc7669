"""The SHD file format: written and read, packed or not, and every kind of wrong file."""

import gzip
import lzma
import time
import zipfile

import h5py
import numpy as np
import pytest

from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings

PACK = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}


def recordings(count: int = 5, units: int = 700, seed: int = 0, equal: bool = False) -> Recordings:
    """Times are float16 seconds, so that a file keeps them exactly."""
    generator = np.random.default_rng(seed)
    sizes = np.full(count, 7) if equal else generator.integers(1, 30, count)
    rows = [np.sort(generator.random(size).astype(np.float16)) for size in sizes]
    return Recordings(
        time_ms=np.concatenate(rows).astype(np.float32) * 1000,
        unit=generator.integers(0, units, sizes.sum()).astype(np.uint16),
        offset=np.concatenate([[0], np.cumsum(sizes)]),
        label=generator.integers(0, 3, count),
        speaker=generator.integers(-1, 3, count),
        classes=("null", "eins", "fünf"),
        units=units,
    )


FIRST = len(recordings().events(0)[0])


def assert_same(got: Recordings, wanted: Recordings) -> None:
    for name in ("time_ms", "unit", "offset", "label", "speaker"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
        assert getattr(got, name).dtype == getattr(wanted, name).dtype, name
    assert (got.classes, got.units) == (wanted.classes, wanted.units)


def packed(path, suffix):
    target = path.with_name(path.name + suffix)
    if suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    elif suffix:
        target.write_bytes(PACK[suffix](path.read_bytes()))
    return target


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shd_train.h5"
    heidelberg.write(path, recordings())
    return path


@pytest.fixture
def altered(file):
    """Change the file through a function of the open file, and return its path."""

    def change(function):
        with h5py.File(file, "a") as opened:
            function(opened)
        return file

    return change


def put_row(name, index, values):
    def change(opened):
        opened[name][index] = np.array(values, h5py.check_vlen_dtype(opened[name].dtype))

    return change


def replaced(name, value, **options):
    def change(opened):
        del opened[name]
        opened.create_dataset(name, data=value, **options)

    return change


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zip"])
@pytest.mark.parametrize(("units", "equal"), [(700, False), (20, True)])
def test_read_inverts_write(tmp_path, suffix, units, equal):
    wanted = recordings(units=units, equal=equal)
    path = tmp_path / "a.h5"
    heidelberg.write(path, wanted)
    assert_same(heidelberg.read(packed(path, suffix)), wanted)


def test_one_recording_is_enough(tmp_path):
    wanted = recordings(count=1)
    heidelberg.write(tmp_path / "a.h5", wanted)
    assert_same(heidelberg.read(tmp_path / "a.h5"), wanted)


def test_the_file_has_the_published_schema(tmp_path):
    path = tmp_path / "a.h5"
    heidelberg.write(path, recordings(), speaker_info={"gender": ["m", "f", "f"], "age": [30, 31, 32]})
    with h5py.File(path) as file:
        assert h5py.check_vlen_dtype(file["spikes/times"].dtype) == np.float16
        assert h5py.check_vlen_dtype(file["spikes/units"].dtype) == np.uint16
        assert file["labels"].dtype == file["extra/speaker"].dtype == np.uint16
        assert file["extra/keys"][:].tolist() == [b"null", b"eins", "fünf".encode()]
        assert file["extra/meta_info/gender"][:].tolist() == [b"m", b"f", b"f"]
        assert file["extra/meta_info/age"][:].tolist() == [30, 31, 32]


def test_the_same_recordings_give_the_same_bytes(tmp_path):
    first, second = tmp_path / "a.h5", tmp_path / "b.h5"
    heidelberg.write(first, recordings())
    time.sleep(1.1)  # HDF5 counts its time stamps in seconds
    heidelberg.write(second, recordings())
    assert first.read_bytes() == second.read_bytes()


def test_write_refuses_what_read_would_refuse_and_leaves_no_file(tmp_path):
    wrong = recordings()
    wrong.time_ms[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        heidelberg.write(tmp_path / "a.h5", wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wider_numbers_are_read(altered, file, dtype):
    wanted = heidelberg.read(file)

    def widen(opened):
        for name, wide in (("spikes/times", dtype), ("spikes/units", np.int64)):
            rows = [row.astype(wide) for row in opened[name][:]]
            del opened[name]
            dataset = opened.create_dataset(name, (len(rows),), h5py.vlen_dtype(np.dtype(wide)))
            for index, row in enumerate(rows):
                dataset[index] = row

    assert_same(heidelberg.read(altered(widen)), wanted)


def test_unknown_speakers_are_those_of_any_byte_order(altered):
    def swap(opened):
        del opened["extra/speaker"]
        opened["extra/speaker"] = np.array([0, 65535, 1, 65535, 2], ">u2")

    assert heidelberg.read(altered(swap)).speaker.tolist() == [0, -1, 1, -1, 2]


def test_without_speakers_they_are_unknown(altered):
    def remove(opened):
        del opened["extra/speaker"]

    assert heidelberg.read(altered(remove)).speaker.tolist() == [-1] * 5


def test_without_class_names_they_are_numbers(altered):
    def remove(opened):
        del opened["extra/keys"]
        opened["labels"][:] = [0, 2, 1, 0, 0]

    assert heidelberg.read(altered(remove)).classes == ("0", "1", "2")


def test_text_class_names_are_read(altered):
    path = altered(replaced("extra/keys", ["a", "b", "fünf"], dtype=h5py.string_dtype()))
    assert heidelberg.read(path).classes == ("a", "b", "fünf")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.h5: there is no such file"):
        heidelberg.read(tmp_path / "none.h5")


def test_a_truncated_file_is_named(file):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"shd_train.h5: .*damaged or cut off"):
        heidelberg.read(file)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zip"])
def test_a_truncated_archive_is_named(file, suffix):
    path = packed(file, suffix)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"shd_train.h5{suffix}: .*damaged or cut off"):
        heidelberg.read(path)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zip"])
def test_a_damaged_archive_is_named(file, suffix):
    path = packed(file, suffix)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = bytes(255 - byte for byte in content[middle : middle + 8])
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or cut off"):
        heidelberg.read(path)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zip"])
def test_a_truncated_file_inside_an_archive_is_named(file, suffix):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="an HDF5 file must be whole"):
        heidelberg.read(packed(file, suffix))


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("content", [b"time,unit\n0.1,3\n", b""])
def test_files_without_hdf5_signature_are_named(file, suffix, content):
    file.write_bytes(content)
    with pytest.raises(ValueError, match="must be an HDF5 file; this one starts with"):
        heidelberg.read(packed(file, suffix))


def test_an_archive_of_several_files_is_refused(file):
    path = packed(file, ".zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.txt", "more")
    with pytest.raises(ValueError, match=r"must hold one file; it holds \['shd_train.h5', 'more.txt'\]"):
        heidelberg.read(path)


@pytest.mark.parametrize("name", ["spikes/times", "spikes/units", "labels"])
def test_a_missing_data_set_is_named(altered, name):
    def remove(opened):
        del opened[name]

    with pytest.raises(ValueError, match=f"{name} is missing.*SHD format has spikes/times"):
        heidelberg.read(altered(remove))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced("spikes/times", np.zeros((5, 3))), "spikes/times must be rows of floating-point seconds"),
        (replaced("spikes/units", np.zeros((5, 3), int)), "spikes/units must be rows of integer channel"),
        (replaced("labels", np.zeros(4, int)), "got 5, 5 and 4 rows"),
        (put_row("spikes/units", 2, [1, 2]), "a unit for every time"),
        (put_row("spikes/units", 0, [700] * FIRST), "units must lie in 0..699; recording 0"),
        (put_row("spikes/times", 0, [np.nan] * FIRST), "recording 0 holds NaN"),
        (put_row("spikes/times", 0, [-1] * FIRST), "recording 0 holds negative"),
        (put_row("spikes/times", 0, np.arange(FIRST, 0, -1)), "recording 0 holds unsorted"),
        (replaced("labels", np.array([0, 1, 2, 3, 0])), "recording 3 holds label 3"),
    ],
)
def test_wrong_content_is_named(altered, change, words):
    with pytest.raises(ValueError, match=f"shd_train.h5: .*{words}"):
        heidelberg.read(altered(change))


def test_channels_that_would_wrap_around_are_refused(altered):
    def wrap(opened):
        rows = [row.astype(np.int64) for row in opened["spikes/units"][:]]
        del opened["spikes/units"]
        dataset = opened.create_dataset("spikes/units", (5,), h5py.vlen_dtype(np.int64))
        rows[1][0] = 65536
        for index, row in enumerate(rows):
            dataset[index] = row

    with pytest.raises(ValueError, match="recording 1 holds units out of range"):
        heidelberg.read(altered(wrap))


def test_an_empty_recording_is_refused_and_can_be_left_out(altered, tmp_path):
    def empty(opened):
        for name in ("spikes/times", "spikes/units"):
            opened[name][3] = np.empty(0, h5py.check_vlen_dtype(opened[name].dtype))

    path = altered(empty)
    with pytest.raises(ValueError, match=r"recording 3 holds none.*read_unchecked"):
        heidelberg.read(path)
    # the very line that the message advises
    heidelberg.write(tmp_path / "new.h5", heidelberg.read_unchecked(path).without_empty())
    assert len(heidelberg.read(tmp_path / "new.h5")) == 4
