import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from snnsim.data.speech import basilar_membrane, cochlea, nerve_cells

RATE = 24_000


def noise(seconds=0.3, seed=0):
    return np.random.default_rng(seed).normal(size=round(seconds * RATE))


def tone(hertz, rate=RATE, seconds=0.3):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_transfer_function_is_the_published_equation():
    count = 140
    table = basilar_membrane.transfer_function(count)
    scale = np.abs(table).max(axis=1)
    for index, number in ((0, 37), (60, 410), (60, 37), (120, 37), (25, 2900)):
        omega, x = 2 * np.pi * number * RATE / basilar_membrane.SEGMENT, 3.5 * index / (count - 1)

        def xi(x, omega=omega):
            damping = 0.15 * math.sqrt(1e9 * 0.05) * math.exp(-1.5 * x)
            return 1e9 * math.exp(-3 * x) - 3500 - 0.05 * omega**2 - 1j * omega * damping

        def wave(x, omega=omega, xi=xi):
            return omega * np.sqrt(1 / (0.1 * xi(x)))

        def pressure(x, wave=wave):
            phase = 2 * wave(0) / 3 + integrate.quad(wave, 0, x, complex_func=True, limit=200)[0]
            return np.sqrt(phase / wave(x)) * special.hankel1(0, phase)

        z = 2 * omega / 3 * math.sqrt(2 / (0.1 * 1e9))
        drum = math.sqrt(2e10) * (special.y0(z) + 1j * special.j0(z)) / (special.j1(z) - 1j * special.y1(z))
        expected = 2 * omega / xi(x) * drum * pressure(x) / pressure(0)
        assert abs(table[index, number] - expected) < 1e-3 * scale[index]


def test_segments_join_without_a_seam():
    sound = noise(2.0)
    velocity = dict(membrane_rows(sound))
    table = basilar_membrane.transfer_function(140)
    for index in (30, 70, 110):
        # the response to one sample, with the part before the sound in front
        response = np.roll(np.fft.irfft(table[index]), basilar_membrane.SEGMENT // 2)
        expected = np.convolve(sound, response)[basilar_membrane.SEGMENT // 2 :][: sound.size]
        np.testing.assert_allclose(velocity[index], expected, atol=2e-3 * expected.std())


def membrane_rows(sound):
    for first, block in basilar_membrane.velocity(sound, count=140):
        yield from enumerate(block, first)


def plain_hair_cell(velocity):
    """Meddis 1986, step by step, with the floors at 0 that the compiled loop leaves out."""
    y, g, loss, r, x, a, b, h, m, dt = 5.05, 2000, 2500, 6580, 66.3, 5, 300, 5e4, 1.0, 1 / RATE
    k = g * a / (a + b)
    c = m * y * k / (loss * k + y * (loss + r))
    q, w = c * (loss + r) / k, c * r / x
    chance = []
    for v in velocity:
        k = g * (v + a) / (v + a + b) if v + a > 0 else 0.0
        refill = y * (m - q) if q < m else 0.0
        q, c, w = (
            max(q + (refill + x * w - k * q) * dt, 0.0),
            max(c + (k * q - loss * c - r * c) * dt, 0.0),
            max(w + (r * c - x * w) * dt, 0.0),
        )
        chance.append(h * c * dt)
    return np.array(chance)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), loudness=st.sampled_from([0.0, 1.0, 30.0, 1e3, 1e6]))
def test_hair_cell_equals_the_plain_equations(seed, loudness):
    velocity = (loudness * np.random.default_rng(seed).normal(size=400)).astype(np.float32)
    velocity, hazard = np.stack([velocity, velocity[::-1]], 1), np.empty((400, 2))
    nerve_cells.hair_cells(velocity, nerve_cells.resting_stores(2), hazard)
    for position in range(2):
        chance = -np.expm1(-hazard[:, position])
        np.testing.assert_allclose(chance, plain_hair_cell(velocity[:, position].tolist()), rtol=1e-9)


def run_cell(hazard, cell=0, seed=1):
    fired = np.zeros((hazard.size + nerve_cells.REFRACTORY, 1), np.int8)
    state = nerve_cells.resting_cells(seed, range(cell, cell + 1))
    nerve_cells.fire(hazard, state, 0, fired[:, 0])
    trains = nerve_cells.Trains.empty(1, hazard.size)
    count = nerve_cells.bushy_cells(fired, state, trains, 0)
    return fired[nerve_cells.REFRACTORY :, 0].astype(np.int64), trains.step[:count]


def plain_bushy_cell(fired):
    current, voltage, deaf, spikes = 0.0, 0.0, 0, []
    for step, count in enumerate(fired):
        current = current * math.exp(-1 / 12) + count
        if deaf > 0:
            deaf -= 1
            continue
        voltage = voltage * math.exp(-1 / 24) + current * 13_000 / 40 / RATE
        if voltage >= 1:
            spikes.append(step)
            voltage, deaf = 0.0, 24
    return spikes


@pytest.mark.parametrize("chance", [0.0, 0.01, 0.02, 0.4])
def test_bushy_cell_equals_plain_integrate_and_fire(chance):
    fired, spikes = run_cell(np.full(5000, -math.log1p(-chance)))
    assert spikes.tolist() == plain_bushy_cell(fired.tolist())
    assert (len(spikes) > 0) == (chance > 0)


@pytest.mark.parametrize("chance", [0.003, 0.02, 0.4])
def test_fibers_fire_at_the_rate_of_a_refractory_bernoulli_process(chance):
    steps, cells = 20_000, 20
    hazard = np.full(steps, -math.log1p(-chance))
    fired = np.stack([run_cell(hazard, cell)[0] for cell in range(cells)])
    # a fiber rests for 23 steps, then waits for a success: intervals of 23 + Geometric(chance)
    interval, spread = 23 + 1 / chance, math.sqrt(1 - chance) / chance
    firings = 40 * cells * steps / interval
    error = math.sqrt(firings) * spread / interval
    # the first firing does not rest before: half an interval too early at the most
    assert abs(fired.sum() - firings) < 5 * error + 40 * cells
    rested = np.lib.stride_tricks.sliding_window_view(fired, 24, axis=1).sum(axis=2)
    assert rested.max() <= 40


def test_fibers_of_one_step_are_binomial():
    hazard = np.array([-math.log(0.7)])
    first = np.array([run_cell(hazard, cell)[0][0] for cell in range(4000)])
    assert abs(first.mean() - 40 * 0.3) < 5 * math.sqrt(40 * 0.21 / 4000)
    assert abs(first.var() / (40 * 0.21) - 1) < 5 * math.sqrt(2 / 4000)


def test_spikes_depend_on_the_seed_but_not_on_the_level():
    sound = noise()
    time, unit = cochlea.encode(sound, RATE, 7, cells_per_place=10)
    for same in (sound.copy(), 4 * sound):
        second = cochlea.encode(same, RATE, 7, cells_per_place=10)
        np.testing.assert_array_equal(second[0], time)
        np.testing.assert_array_equal(second[1], unit)
    other = cochlea.encode(sound, RATE, 8, cells_per_place=10)
    assert not np.array_equal(other[0], time)
    assert abs(len(other[0]) / len(time) - 1) < 0.1


@pytest.mark.parametrize("level", [2.0**-700, 2.0**700])
def test_very_quiet_and_very_loud_audio_is_prepared_alike(level):
    sound = noise()
    np.testing.assert_array_equal(cochlea.prepared(level * sound, RATE), cochlea.prepared(sound, RATE))


def test_audio_is_prepared_as_published():
    sound = cochlea.prepared(5 + noise(1.0), RATE)
    assert sound.size == RATE
    assert sound[0] == sound[-1] == 0
    assert np.abs(sound[:240]).mean() < 0.5 * np.abs(sound[480:]).mean()
    assert sound[720:-720].mean() == pytest.approx(0, abs=0.01)
    assert sound[720:-720].std() == pytest.approx(0.3, rel=0.02)


def test_spikes_have_the_format_of_shd():
    time, unit = cochlea.encode(noise(), RATE, 0, cells_per_place=10)
    assert (time.dtype, unit.dtype) == (np.float16, np.uint16)
    assert np.all(np.diff(time.astype(float)) >= 0)
    assert 0 <= time.min() <= time.max() <= 0.3
    assert len(set(unit)) > 500
    assert unit.max() < 700


def test_low_tones_excite_high_units():
    peaks = []
    for hertz in (4000, 1500, 500):
        _, unit = cochlea.encode(tone(hertz), RATE, 0, cells_per_place=10)
        peaks.append(np.bincount(unit // 10, minlength=70).argmax())
    assert peaks == sorted(peaks)
    assert peaks[0] + 20 < peaks[-1]


def test_spikes_hardly_depend_on_sampling_rate_and_type():
    slow, fast = tone(700), tone(700, rate=48_000)
    counts = [
        len(cochlea.encode(audio, rate, 0, cells_per_place=10)[0])
        for audio, rate in ((slow, RATE), (fast, 48_000), ((fast * 2**14).astype(np.int16), 48_000))
    ]
    assert max(counts) < 1.05 * min(counts)


def test_shared_places_keep_the_profile_of_the_full_model():
    sound = noise() + 3 * tone(600)
    profiles = [
        np.bincount(cochlea.encode(sound, RATE, 0, cells_per_place=cells)[1] // 50, minlength=14) for cells in (1, 5)
    ]
    np.testing.assert_allclose(profiles[1], profiles[0], rtol=0.25)
    assert abs(profiles[1].sum() / profiles[0].sum() - 1) < 0.05


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.ones((2, 9000)), RATE, r"must be mono.*shape \(2, 9000\)"),
        (np.array([]), RATE, "got 0 samples"),
        (noise(0.05), RATE, "must last 0.06 to 64 s.*1200 samples"),
        (np.ones(100), 1, "100 s; pad it, or cut it"),
        (noise(), 0, "positive integer number.*got 0"),
        (noise(), -8000, "positive integer number.*got -8000"),
        (noise(), 22050.5, "positive integer number.*got 22050.5"),
        (noise(), math.nan, "positive integer number.*got nan"),
        (np.where(np.arange(7200) == 5, np.nan, noise()), RATE, "1 of 7200 samples are NaN"),
        (np.where(np.arange(7200) < 2, np.inf, noise()), RATE, "2 of 7200 samples are NaN or infinite"),
        (np.zeros(7200), RATE, "must hold a sound; every sample is 0"),
        (np.full(7200, 0.5), RATE, "every sample is 0.5"),
    ],
)
def test_unfit_audio_is_refused(audio, rate, message):
    with pytest.raises(ValueError, match=message):
        cochlea.encode(audio, rate, 0)


@pytest.mark.parametrize("cells", [0, 3, 700, -5])
def test_cells_must_divide_the_channels(cells):
    with pytest.raises(ValueError, match=f"must divide 700.*got {cells}"):
        cochlea.encode(noise(), RATE, 0, cells_per_place=cells)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_has_64_bits(seed):
    with pytest.raises(ValueError, match=f"seed must lie in.*got {seed}"):
        cochlea.encode(noise(), RATE, seed)
