from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from snnsim.data.speech import synthesizer
from snnsim.data.speech.phonemes import PHONEMES, PRONUNCIATION

RATE = synthesizer.RATE


def generator(seed=0):
    return np.random.default_rng(seed)


def a_voice(seed=0, variety=0.0, **changes):
    return replace(synthesizer.draw_voice(generator(seed), variety), **changes)


def spectrum(audio):
    frequency, power = signal.welch(audio, RATE, nperseg=1024)
    return frequency, power / power.sum()


def test_words_are_in_the_order_of_shd():
    english = "zero one two three four five six seven eight nine"
    german = "null eins zwei drei vier fuenf sechs sieben acht neun"
    assert list(synthesizer.WORDS) == english.split() + german.split()


def test_words_use_all_phonemes_and_no_others():
    used = {name for sounds in PRONUNCIATION.values() for name in sounds.split()}
    assert used == set(PHONEMES)
    assert len(set(PRONUNCIATION.values())) == 20


@pytest.mark.parametrize("word", synthesizer.WORDS)
def test_every_word_is_sound_of_plausible_length(word):
    audio = synthesizer.speak(word, a_voice(variety=1.0), generator())
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert np.isfinite(audio).all()
    assert 0.15 < audio.size / RATE < 1.5
    assert audio.std() > 1e-3


def test_utterances_are_a_function_of_the_generator():
    voice = a_voice()
    first, second, other = (synthesizer.speak("seven", voice, generator(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[:2000], other[:2000])


def test_unknown_word_names_the_known_ones():
    with pytest.raises(ValueError, match=r"must be one of zero, one, .*neun; got 'ten'"):
        synthesizer.speak("ten", a_voice(), generator())


def test_voices_differ_only_as_far_as_the_variety_allows():
    same = [replace(a_voice(seed), tilt=0.0, declination=0.0, glide_ms=30.0) for seed in range(20)]
    assert {voice.female for voice in same} == {True, False}
    assert all(voice == replace(same[0], **sex_of(voice)) for voice in same)
    assert a_voice(0, variety=1.0) == a_voice(0, variety=1.0)
    assert len({a_voice(seed, variety=1.0).pitch for seed in range(20)}) == 20


def sex_of(voice):
    return {"female": voice.female, "tract": voice.tract, "pitch": voice.pitch}


def test_voiced_sound_repeats_at_the_pitch():
    for pitch in (110.0, 210.0):
        voice = a_voice(pitch=pitch, declination=0.0, breath=0.0)
        audio = synthesizer.speak("null", voice, generator(), 0.0)
        middle = audio[audio.size // 4 : audio.size // 2].astype(float)
        overlap = signal.correlate(middle, middle)[middle.size - 1 :]
        shortest = RATE // 300
        period = shortest + overlap[shortest : RATE // 80].argmax()
        assert RATE / period == pytest.approx(pitch, rel=0.08)


def test_a_shorter_tract_raises_the_resonances():
    centers = []
    for tract in (0.9, 1.2):
        frequency, power = spectrum(synthesizer.speak("nine", a_voice(tract=tract), generator(), 0.0))
        centers.append((frequency * power)[frequency < 4000].sum() / power[frequency < 4000].sum())
    assert centers[0] * 1.1 < centers[1]


def test_wider_resonances_flatten_the_spectrum():
    peaks = [
        spectrum(synthesizer.speak("nine", a_voice(bandwidth=factor), generator(), 0.0))[1].max()
        for factor in (0.7, 2.0)
    ]
    assert peaks[0] > 1.2 * peaks[1]


def test_a_quicker_voice_has_shorter_utterances():
    slow, quick = (synthesizer.speak("sieben", a_voice(pace=pace), generator(), 0.0).size for pace in (0.8, 1.3))
    assert quick < 0.75 * slow


def test_fricatives_have_higher_frequencies_than_vowels():
    high = {}
    for word in ("six", "null"):
        frequency, power = spectrum(synthesizer.speak(word, a_voice(), generator()))
        high[word] = power[frequency > 5000].sum()
    assert high["six"] > 10 * high["null"]


def test_resonator_is_the_second_order_filter():
    sound = generator().normal(size=40 * synthesizer.FRAME)
    center, width = 1200.0, 90.0
    radius = np.exp(-np.pi * width / RATE)
    b, c = 2 * radius * np.cos(2 * np.pi * center / RATE), -(radius**2)
    expected = signal.lfilter([1 - b - c], [1, -b, -c], sound)
    resonated = synthesizer._resonated(sound, np.full(40, center), width)
    np.testing.assert_allclose(resonated, expected, atol=1e-9)


def test_resonator_follows_its_frames():
    sound = generator().normal(size=40 * synthesizer.FRAME)
    steady = synthesizer._resonated(sound, np.full(40, 900.0), 80.0)
    moved = synthesizer._resonated(sound, np.repeat([900.0, 2500.0], 20), 80.0)
    half = 20 * synthesizer.FRAME
    np.testing.assert_array_equal(moved[:half], steady[:half])
    assert not np.allclose(moved[half:], steady[half:])
