"""The event camera: the three checks of a simulator, its noise, and a second opinion on the same frames."""

import numpy as np
import pytest

from snnsim.data.event_camera import EventCamera, motion, natural_images, probes, scenes, textures


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("height", "threshold"), [(1.0, 0.2), (0.99, 0.2), (3.0, 0.7)])
def test_a_ramp_gives_equally_spaced_events(sign: int, height: float, threshold: float) -> None:
    frames = sign * np.linspace(0, height, 51)[:, None]
    events = EventCamera(threshold).record(frames, dt_ms=2.0, generator=_generator())
    count = int(np.floor(height / threshold + 1e-9))
    assert len(events.time_ms) == count
    np.testing.assert_allclose(events.time_ms, 100.0 * threshold / height * np.arange(1, count + 1))
    assert (events.polarity == (sign > 0)).all()


def test_several_crossings_between_two_frames_have_their_own_times() -> None:
    events = EventCamera(0.2).record(np.array([[0.0], [1.0]]), dt_ms=1.0, generator=_generator())
    np.testing.assert_allclose(events.time_ms, [0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_static_scene_gives_none() -> None:
    frames = np.broadcast_to(_generator().random((8, 8)), (20, 8, 8))
    camera = EventCamera(0.2, spread=0.2, refractory_ms=1.0)
    assert len(camera.record(frames, dt_ms=1.0, generator=_generator()).time_ms) == 0


@pytest.mark.parametrize("speed", [0.3, 1.0, -1.7])
def test_a_moving_edge_gives_events_on_a_line_whose_slope_is_its_speed(speed: float) -> None:
    position = np.arange(60)

    def edge(time: float) -> np.ndarray:
        start = 5.0 if speed > 0 else 54.0
        return 1 / (1 + np.exp((position - start - speed * time) / 0.8))

    frames = np.stack([edge(time) for time in np.arange(0, 25 / abs(speed), 0.5)])
    events = EventCamera(0.4).record(frames, dt_ms=0.5, generator=_generator())
    # pixels that were dark at the start and are bright at the end, at one level of their rise
    pixels = np.arange(16, 25) if speed > 0 else np.arange(35, 44)
    crossing = np.array([events.time_ms[events.pixel == pixel][0] for pixel in pixels])
    slope = np.polyfit(crossing, pixels, 1)[0]
    assert slope == pytest.approx(speed, rel=0.02)


def test_a_refractory_pixel_keeps_silent_but_remembers() -> None:
    frames = np.linspace(0, 1, 11)[:, None]
    events = EventCamera(0.1, refractory_ms=2.5).record(frames, dt_ms=1.0, generator=_generator())
    np.testing.assert_allclose(events.time_ms, [1.0, 4.0, 7.0, 10.0])


def test_noise_has_its_rates() -> None:
    frames = np.zeros((201, 30, 30))
    shot = EventCamera(0.2, shot_hz=20.0).record(frames, dt_ms=1.0, generator=_generator())
    assert len(shot.time_ms) == pytest.approx(20 * 0.2 * 900, abs=4 * np.sqrt(3600))
    assert shot.polarity.mean() == pytest.approx(0.5, abs=0.05)
    leak = EventCamera(0.2, leak_hz=20.0).record(frames, dt_ms=1.0, generator=_generator())
    assert len(leak.time_ms) == 4 * 900
    assert leak.polarity.all()


def test_thresholds_spread_from_pixel_to_pixel() -> None:
    camera = EventCamera(0.2, spread=0.2)
    threshold = camera.start(np.zeros((100, 100)), _generator()).threshold
    assert threshold.std() == pytest.approx(0.04, rel=0.05)
    assert threshold.min() >= 0.02


def test_a_second_simulator_counts_the_same_events() -> None:
    """eventify-dvs has log(I + 1) and several crossings between two frames, but no memory beyond the last frame."""
    dvs = pytest.importorskip("eventify.dvs")
    gray = 255 * _generator().random((2, 20, 20)).astype(np.float32)
    other = dvs.frame_to_event_tuples(gray[0], gray[1], 0, 1000, c_thresh=0.25)
    ours = EventCamera(0.25).record(np.log(gray + 1).astype(np.float64), dt_ms=1.0, generator=_generator())
    for polarity in (0, 1):
        counted = np.bincount(ours.pixel[ours.polarity == polarity], minlength=400).reshape(20, 20)
        expected = np.zeros((20, 20), int)
        part = other[other["p"] == polarity]
        np.add.at(expected, (part["y"], part["x"]), 1)
        np.testing.assert_array_equal(counted, expected)


@pytest.mark.parametrize("setting", [{"threshold": 0.0}, {"spread": -1.0}, {"shot_hz": float("nan")}])
def test_impossible_cameras_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="EventCamera"):
        EventCamera(**setting)


def test_frames_of_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="logarithm"):
        EventCamera().record(np.zeros((2, 4), np.uint8), dt_ms=1.0, generator=_generator())


def test_a_picture_moves_by_fractions_of_a_pixel() -> None:
    """A band-limited texture between its pixels is that of its formula."""
    waves = probes.motion_cloud(0.1, _generator(), octaves=0.2)
    image = waves(np.zeros(2), (60, 60), 0.0)
    picture = scenes.Picture(image)
    np.testing.assert_allclose(picture(np.array([10.0, 12.0]), (8, 9)), image[10:18, 12:21], atol=1e-9)
    position = np.array([20.37, 25.81])
    expected = waves(position, (8, 9), 0.0)
    np.testing.assert_allclose(picture(position, (8, 9)), expected, atol=0.01)
    with pytest.raises(ValueError, match="inside of the image"):
        picture(np.array([1.0, 20.0]), (8, 9))


def test_textures_of_generated_images() -> None:
    leaves = textures.dead_leaves((60, 60), _generator())
    assert len(np.unique(leaves)) < 1500
    assert leaves.std() == pytest.approx(1)
    noise = textures.power_law((128, 128), _generator(), exponent=1.0)
    amplitude = np.abs(np.fft.rfft2(noise))[1:60, 0]
    slope = np.polyfit(np.log(np.arange(1, 60)), np.log(amplitude), 1)[0]
    assert slope == pytest.approx(-1, abs=0.3)


def test_whitening_levels_the_spectrum_of_noise() -> None:
    white = natural_images.whitened(textures.power_law((128, 128), _generator()))
    amplitude = np.abs(np.fft.rfft2(white)) ** 2
    low, high = amplitude[2:10, 2:10].mean(), amplitude[20:30, 20:30].mean()
    assert 0.5 < low / high < 2


def test_no_photograph_is_in_two_splits() -> None:
    tested: list[str] = []
    for fold in range(natural_images.FOLDS):
        parts = natural_images.split(fold)
        joined = [name for names in parts.values() for name in names]
        assert sorted(joined) == list(natural_images.NAMES)
        tested += parts["test"]
    assert sorted(tested) == list(natural_images.NAMES)


def test_movies_move_by_their_velocity() -> None:
    """The best shift between the event frames of two times is the way of the motion."""
    motions = motion.Motions(directions=4, speeds=(1.0,))
    image = scenes.Picture(natural_images.whitened(textures.dead_leaves((80, 80), _generator(), largest=12)))
    label = motion.segments(4, 12, motions, _generator(), mean=None)
    movies = motion.film([image] * 4, label, motions=motions, side=24, camera=EventCamera(0.8), generator=_generator())
    assert movies.events.shape == (4, 12, 2, 24, 24)
    for events, steps in zip(movies.events, label, strict=True):
        first, last = events[4].astype(float), events[8].astype(float)
        way = 4 * motions.velocity(steps[0])
        scores = {
            shift: (np.roll(first, shift, (1, 2)) * last).sum()
            for shift in np.ndindex(9, 9)
            for shift in [tuple(np.subtract(shift, 4))]
        }
        assert max(scores, key=lambda shift: scores[shift]) == tuple(way.round().astype(int))


def test_segments_have_their_mean_length() -> None:
    label = motion.segments(50, 400, motion.Motions(), _generator(), mean=24.0)
    changes = (np.diff(label, axis=1) != 0).sum()
    # one change in 36 leads to the same class
    assert changes == pytest.approx(50 * 400 / 24 * 35 / 36, rel=0.08)
    one = motion.segments(36, 10, motion.Motions(), _generator(), mean=None)
    assert sorted(one[:, 0]) == list(range(36))
