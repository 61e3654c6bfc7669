"""Clips of moving sprites, and words in mel bands."""

import numpy as np
import pytest

from snnsim.data.synthetic import actions, keyword_frames

pytest.importorskip("skimage")


def test_clips_are_a_function_of_their_arguments_and_rest_outside_of_the_motion():
    recipe = actions.Recipe(noise=0.0)
    clips = actions.make("train", 12, 3, recipe)
    assert clips.frames.shape == (12, 12, 20, 20)
    repeated = actions.make("train", 12, 3, recipe)
    assert np.array_equal(clips.frames, repeated.frames)
    assert set(clips.motion) == set(range(6))
    changed = (clips.frames[:, 1:] != clips.frames[:, :-1]).any((2, 3))
    # without noise, pixels change in the steps of the motion alone
    assert np.array_equal(changed, clips.moving[:, 1:])
    assert (clips.moving.sum(1) == recipe.moving).all()
    assert np.array_equal(clips.frames * 255, np.round(clips.frames * 255))
    assert clips.frames.min() >= 0
    assert clips.frames.max() <= 1


def test_a_sprite_moves_as_its_class_says():
    clips = actions.make("valid", 6, 0, actions.Recipe(noise=0.0))
    weight = np.maximum(clips.frames - clips.frames.min(1, keepdims=True), 0)
    rows, columns = np.mgrid[:20, :20]
    mass = weight.sum((2, 3))
    center = np.stack([(weight * grid).sum((2, 3)) / mass for grid in (rows, columns)], 2)
    way = center[:, -1] - center[:, 0]
    for motion, (down, right) in list(enumerate(actions.MOTIONS.values()))[:4]:
        index = int(np.flatnonzero(clips.motion == motion)[0])
        assert way[index] @ np.array([down, right]) > 1
        assert abs(way[index] @ np.array([right, down])) < 1


def test_probes_change_one_thing_each():
    still = actions.make("test", 2, 0, actions.Recipe(rest=True, noise=0.0))
    assert (still.frames == still.frames[:, :1]).all()
    assert not still.moving.any()
    panned = actions.make("test", 2, 0, actions.Recipe(rest=True, noise=0.0, pan=1.0))
    assert (panned.frames[:, 1:] != panned.frames[:, :-1]).any((2, 3)).all()
    fast = actions.make("test", 2, 0, actions.Recipe(noise=0.0, frame_rate=2))
    plain = actions.make("test", 2, 0, actions.Recipe(noise=0.0))
    assert np.array_equal(fast.frames[:, ::2], plain.frames)
    with pytest.raises(ValueError, match="actions: the side must be 16 or more"):
        actions.Recipe(side=8)


def test_words_last_a_second_and_end_in_noise():
    words = keyword_frames.make("train", 3, 0)
    assert words.frames.shape == (3, 50, 40)
    assert words.frames.dtype == np.float32
    # no frame is the floor of silence
    assert float(words.frames.min()) > np.log(2e-6)
    assert list(words.word) == [0, 1, 2]
