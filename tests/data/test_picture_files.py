"""Pictures of users: IDX, arrays and PNG folders are the same pictures, and damaged ones are named."""

import numpy as np
import pytest
from PIL import Image

from helpers.own_data import config, pictures, write, write_idx
from snnsim.data import registry
from snnsim.data.coding.kinds import Direct
from snnsim.data.sources import loading, picture_source
from snnsim.data.sources.source import Settings
from snnsim.experiment import datasets, own_data

SETTINGS = Settings(time_step_ms=10.0, coding=Direct(steps=1))
GRAY, LABEL = pictures()


def shown(source):
    """Return the pictures of a source, (picture, pixel)."""
    grid = source.gridded()
    return grid.dense(np.arange(len(grid)))[0][0]


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_plain_and_packed(tmp_path, packed):
    write_idx(tmp_path, "train", GRAY, LABEL, packed=packed)
    write_idx(tmp_path, "t10k", GRAY[:5], LABEL[:5], packed=packed)
    parts = picture_source.parts(tmp_path)
    assert set(parts) == {"train", "test"}
    source = picture_source.source(parts["train"], SETTINGS)
    np.testing.assert_array_equal(shown(source), GRAY.reshape(len(GRAY), -1))
    np.testing.assert_array_equal(source.gridded().label, LABEL)
    assert source.field == (6, 6, 1)
    assert len(picture_source.source(parts["test"], SETTINGS)) == 5


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.float16, 1), (np.float32, 1), (bool, 1)])
def test_arrays_of_pictures_are_read(tmp_path, suffix, dtype, white):
    gray = GRAY if dtype == np.uint8 else (GRAY == 255).astype(dtype)
    path = write(tmp_path / f"mine{suffix}", {"images": gray, "labels": LABEL})
    source = picture_source.source(path, SETTINGS)
    np.testing.assert_array_equal(shown(source), gray.reshape(len(gray), -1).astype(float) * (255 / white))


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_white_of_the_training_file_holds_for_all_splits(tmp_path, dtype):
    train, test = GRAY.astype(dtype) * 10, GRAY[:5].astype(dtype)
    test[0, 0, 0] = 3000
    for name, gray in (("train", train), ("test", test)):
        write(tmp_path / f"{name}.npz", {"images": gray, "labels": LABEL[: len(gray)]})
    message = "images may be of another scale: the brightest pixel is 3000, and white is 2550, as in the training file"
    run = own_data.resolved(config("pictures", tmp_path, **{"data.coding": "direct", "data.coding.levels": 2550}))
    with pytest.warns(UserWarning, match=message):
        parts = datasets.load_splits(run, "train", "test")
    for name, gray in (("train", train), ("test", np.minimum(test, 2550))):
        frames, _ = parts[name].binned.dense(np.arange(len(gray)))
        np.testing.assert_array_equal(frames[0], gray.reshape(len(gray), -1))
    (warning,) = picture_source.check(tmp_path).warnings
    assert warning.startswith(message)


def write_png(folder, gray=GRAY):
    for number, (picture, label) in enumerate(zip(gray, LABEL, strict=True)):
        path = folder / f"class {label}" / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)


def test_folders_of_png_files_are_classes_in_splits(tmp_path):
    write_png(tmp_path / "train")
    # copies of an editor are no class
    hidden = tmp_path / "train" / ".ipynb_checkpoints"
    hidden.mkdir()
    Image.fromarray(GRAY[0]).save(hidden / "000-checkpoint.png")
    (tmp_path / "test" / "another").mkdir(parents=True)
    Image.fromarray(GRAY[0]).save(tmp_path / "test" / "another" / "a.png")
    parts = picture_source.parts(tmp_path)
    source = picture_source.source(parts["train"], SETTINGS)
    assert source.annotations.classes == ("another", "class 0", "class 1", "class 2")
    order = np.argsort(LABEL, kind="stable")
    np.testing.assert_array_equal(shown(source), GRAY[order].reshape(len(GRAY), -1))
    assert picture_source.source(parts["test"], SETTINGS).annotations.classes == source.annotations.classes


def opened(path):
    return loading.opened(registry.SOURCES["pictures"], path, SETTINGS)


def test_pictures_in_memory_are_read_again_when_any_file_changes(tmp_path):
    write_idx(tmp_path, "train", GRAY, LABEL)
    images = tmp_path / "train-images-idx3-ubyte"
    first = opened(images)
    assert opened(images) is first
    write_idx(tmp_path / "other", "train", GRAY, 2 - LABEL)
    (tmp_path / "other" / "train-labels-idx1-ubyte").replace(tmp_path / "train-labels-idx1-ubyte")
    np.testing.assert_array_equal(opened(images).annotations.label, 2 - LABEL)
    folder = tmp_path / "png" / "train"
    write_png(folder)
    assert opened(folder) is opened(folder)
    Image.fromarray(GRAY[0]).save(folder / "class 1" / "new.png")
    assert len(opened(folder)) == len(GRAY) + 1
    (tmp_path / "png" / "test" / "another").mkdir(parents=True)
    Image.fromarray(GRAY[0]).save(tmp_path / "png" / "test" / "another" / "a.png")
    assert "another" in opened(folder).annotations.classes


def test_colors_are_channels(tmp_path):
    color = np.repeat(GRAY[..., None], 3, axis=3)
    color[..., 1] = 7
    write_png(tmp_path, color)
    source = picture_source.source(picture_source.parts(tmp_path)["all"], SETTINGS)
    assert source.field == (6, 6, 3)
    order = np.argsort(LABEL, kind="stable")
    np.testing.assert_array_equal(shown(source), color[order].reshape(len(GRAY), -1))


def test_pictures_of_another_size_are_named(tmp_path):
    write_png(tmp_path)
    Image.fromarray(GRAY[0, :4]).save(tmp_path / "class 1" / "zz.png")
    with pytest.raises(
        ValueError, match=r"all pictures must be of one size; 1 differ from 6 x 6, first .*zz.png of 4 x 6"
    ):
        picture_source.source(tmp_path, SETTINGS)


@pytest.mark.parametrize("cut", [10, 40, 48])
def test_damaged_png_files_are_named(tmp_path, cut):
    write_png(tmp_path)
    path = tmp_path / "class 1" / "001.png"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"001\.png: "):
        picture_source.source(tmp_path, SETTINGS)


def test_a_png_file_that_claims_a_huge_picture_is_refused(tmp_path):
    write_png(tmp_path)
    path = tmp_path / "class 1" / "001.png"
    content = bytearray(path.read_bytes())
    content[16:24] = (2**20).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a picture must have 1 to 16,777,216 pixels, not 1048576 x 1048576"):
        picture_source.source(tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], r"has 864 values; this one has 863; it is damaged or cut off"),
        (lambda content: content[:3], "an IDX file of bytes starts with 0 0 8"),
        (lambda content: b"\0\0\x0d" + content[3:], "an IDX file of bytes starts with 0 0 8"),
        (lambda content: content[:4] + b"\xff" * 4 + content[8:], "it is damaged or cut off"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, change, message):
    write_idx(tmp_path, "train", GRAY, LABEL)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        picture_source.source(path, SETTINGS)
    assert any(str(path) in error for error in picture_source.check(tmp_path).errors)


def test_labels_must_fit_the_pictures(tmp_path):
    write_idx(tmp_path, "train", GRAY, LABEL[:-1])
    with pytest.raises(ValueError, match="and one label each in train-labels-idx1-ubyte"):
        picture_source.source(tmp_path / "train-images-idx3-ubyte", SETTINGS)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="the labels must lie beside it"):
        picture_source.source(tmp_path / "train-images-idx3-ubyte", SETTINGS)


@pytest.mark.parametrize("shape", [(4, 0, 2), (4, 2, 0), (0, 2, 2)])
def test_pictures_without_pixels_are_named(tmp_path, shape):
    write_idx(tmp_path, "train", np.zeros(shape, np.uint8), LABEL[: shape[0]])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte: .* must have a pixel or more.*got shape \(\d, \d"):
        picture_source.source(tmp_path / "train-images-idx3-ubyte", SETTINGS)


def test_fractions_above_1_are_refused(tmp_path):
    path = write(tmp_path / "mine.npz", {"images": GRAY.astype(float), "labels": LABEL})
    with pytest.raises(ValueError, match="images must be from 0 to 1; 24 pictures do not, first picture 0"):
        picture_source.source(path, SETTINGS)


def test_files_of_arrays_are_found_by_whole_words(tmp_path):
    # latest ends like test, and pretrain like train
    for name in ("mnist_train", "mnist-test", "latest", "pretrain"):
        write(tmp_path / f"{name}.npz", {"images": GRAY, "labels": LABEL})
    assert picture_source.parts(tmp_path) == {
        "train": tmp_path / "mnist_train.npz", "test": tmp_path / "mnist-test.npz"
    }  # fmt: skip
    write(tmp_path / "train.h5", {"images": GRAY, "labels": LABEL})
    with pytest.raises(ValueError, match=r"the train split must be one file; there are mnist_train\.npz, train\.h5"):
        picture_source.parts(tmp_path)


def test_several_idx_files_of_a_split_are_not_guessed(tmp_path):
    write_idx(tmp_path, "train", GRAY, LABEL)
    # the packed form of the same file
    write_idx(tmp_path, "train", GRAY, LABEL, packed=True)
    assert picture_source.parts(tmp_path) == {"train": tmp_path / "train-images-idx3-ubyte"}
    write_idx(tmp_path, "letters-train", GRAY, LABEL)
    with pytest.raises(ValueError, match="the pictures of train must be one IDX file; there are train-images-idx3"):
        picture_source.parts(tmp_path)
    for name in ("a", "b"):
        write_idx(tmp_path / "unnamed", name, GRAY, LABEL)
    with pytest.raises(ValueError, match="the pictures of all must be one IDX file; there are a-images"):
        picture_source.parts(tmp_path / "unnamed")


def test_a_folder_without_training_pictures_says_so(tmp_path):
    write_idx(tmp_path / "idx", "t10k", GRAY, LABEL)
    with pytest.raises(FileNotFoundError, match=r"has train-images-idx3-ubyte\(\.gz\); it has t10k-images-idx3-ubyte"):
        picture_source.parts(tmp_path / "idx")
    (tmp_path / "arrays").mkdir()
    write(tmp_path / "arrays" / "test.npz", {"images": GRAY, "labels": LABEL})
    with pytest.raises(FileNotFoundError, match=r"a folder of data has train\.npz.*it has test\.npz"):
        picture_source.parts(tmp_path / "arrays")


def test_a_folder_without_pictures_says_what_it_may_hold(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        picture_source.parts(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        picture_source.parts(tmp_path / "none")


def test_spikes_of_a_coding_are_recordings_for_augmentation(tmp_path):
    write_idx(tmp_path, "train", GRAY, LABEL)
    path = tmp_path / "train-images-idx3-ubyte"
    source = picture_source.source(path, Settings(time_step_ms=10.0))
    recordings, grid = source.recordings(), source.gridded()
    assert len(recordings.time_ms) == (GRAY > 0).sum()
    frames = grid.dense(np.array([3]))[0][:, 0]
    times, units = recordings.events(3)
    np.testing.assert_array_equal(np.stack([times // 10, units], 1), np.argwhere(frames))
    with pytest.raises(ValueError, match="this coding gives graded input"):
        picture_source.source(path, SETTINGS).recordings()
