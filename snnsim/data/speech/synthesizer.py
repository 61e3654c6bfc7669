"""Spoken digits from a source, a filter and a random generator.

    vocal folds  flow(φ) = (1 − cos(π φ / 0.6)) / 2 for φ < 0.6, cos(π (φ − 0.6) / 0.4) for φ < 0.8, else 0
                 φ runs from 0 to 1 at the pitch; source = the low-passed change of flow from sample to sample
    resonator    y[n] = (1 − b − c) x[n] + b y[n−1] + c y[n−2]
                 b = 2 exp(−π w / RATE) cos(2 π f / RATE), c = −exp(−2 π w / RATE), f center, w bandwidth
    mouth        (40 · voice · source + 0.25 · breath · noise) through F1 … F5 one after the other
                 + 0.16 · (friction · noise) through one resonator
    lips         speech[n] = mouth[n] − mouth[n−1]

Shapes   track (frame, column of Target), 5 ms a frame · speech (sample,)
Units    frequencies in Hz · speech without a unit (cochlea.py sets the level)
Source   flow: Rosenberg 1971, J. Acoust. Soc. Am. 49:583; resonators: Klatt 1980, 67:971
Differs  Klatt's resonators are constant within a frame as here, but his friction has six parallel ones
"""

import numpy as np
import scipy

from snnsim.data.speech.phonemes import PHONEMES, PRONUNCIATION, WORDS, Target, Voice, draw_voice
from snnsim.kernels.common.jit import njit

__all__ = ["RATE", "WORDS", "Voice", "draw_voice", "speak"]

RATE = 24_000
"""Samples per second of the speech."""
FRAME_MS = 5
FRAME = RATE * FRAME_MS // 1000
"""Samples with constant resonators."""

_PACE = 0.8
# center and bandwidth of F4 and F5, which do not depend on the phoneme
_UPPER = ((3500.0, 250.0), (4500.0, 350.0))
_ONSET, _OFFSET = 6, 10
# time constant of loudness; that of the resonances is a property of the voice
_LOUDNESS_MS = 9.0


def speak(word: str, voice: Voice, generator: np.random.Generator, spread: float = 1.0) -> np.ndarray:
    """Return one random utterance of a word, float32 (sample,).

    Args:
        word: One of the WORDS.
        voice: Properties of the speaker.
        generator: Generator of the random numbers.
        spread: Scale of the differences between the utterances of a voice; with 0 they differ only in noise and melody.

    Raises:
        ValueError: If the word is unknown.
    """
    if word not in PRONUNCIATION:
        raise ValueError(f"speak: the word must be one of {', '.join(WORDS)}; got {word!r}; choose one of these")
    track = _smoothed(_track(word, voice, generator, spread), voice, generator, spread)
    frames = len(track)
    noise, jitter = generator.normal(size=(2, frames * FRAME))
    folds = _vocal_folds(_pitch(frames, voice, generator, spread), jitter, voice.tilt)
    loudness = np.repeat(track[:, 3:6], FRAME, axis=0)
    throat = 40.0 * loudness[:, 0] * folds + 0.25 * loudness[:, 1] * noise
    friction = loudness[:, 2] * noise
    mouth = _through_resonators(throat, friction, track, voice)
    return np.diff(mouth, prepend=0.0).astype(np.float32)


def _track(word: str, voice: Voice, generator: np.random.Generator, spread: float) -> np.ndarray:
    """Return the targets of every frame, (frame, 8): F1, F2, F3 and the amplitudes and filter of Target."""
    pace = _PACE * voice.pace * np.exp(spread * generator.normal(0, 0.12))
    rows = []
    for name in PRONUNCIATION[word].split():
        stretch = voice.rhythm[name] * np.exp(spread * generator.normal(0, 0.12)) / pace
        for target in PHONEMES[name]:
            frames = max(1, round(target.duration_ms * stretch / FRAME_MS))
            rows += [_spoken(target, name, voice, generator, spread)] * frames
    track = np.array(rows)
    silence = np.array([1, 1, 1, 0, 0, 0, 1, 1])
    onset, offset = np.tile(track[0] * silence, (_ONSET, 1)), np.tile(track[-1] * silence, (_OFFSET, 1))
    return np.concatenate([onset, track, offset])


def _spoken(target: Target, phoneme: str, voice: Voice, generator: np.random.Generator, spread: float) -> np.ndarray:
    """Return a target as this voice reaches it in one utterance, (column,)."""
    near = voice.tract * (1 + spread * generator.normal(0, 0.025, 3))
    formants = np.array(target.formants) * voice.accent[phoneme] * near
    voiced = target.voice * np.exp(spread * generator.normal(0, 0.15))
    breath = target.breath + voice.breath * target.voice
    friction = target.friction * np.exp(spread * generator.normal(0, 0.25))
    return np.array([*formants, voiced, breath, friction, target.center * voice.tract**0.5, target.width])


def _smoothed(track: np.ndarray, voice: Voice, generator: np.random.Generator, spread: float) -> np.ndarray:
    """Return the track with smooth columns: formants change slowly, the other columns quickly."""
    glide_ms = voice.glide_ms * np.exp(spread * generator.normal(0, 0.15))
    smooth = np.empty_like(track)
    for column, values in enumerate(track.T):
        half = max(1, int((glide_ms if column < 3 else _LOUDNESS_MS) / FRAME_MS))
        hann = np.hanning(2 * half + 3)[1:-1]
        padded = np.pad(values, half, mode="edge")
        smooth[:, column] = np.convolve(padded, hann / hann.sum(), "valid")
    return smooth


def _pitch(frames: int, voice: Voice, generator: np.random.Generator, spread: float) -> np.ndarray:
    """Return the rate of the vocal folds in every frame, which falls with a little melody."""
    fall = voice.declination * np.linspace(0.5, -0.5, frames)
    melody = 0.04 * np.sin(np.linspace(0, generator.uniform(2, 5), frames))
    pitch: np.ndarray = voice.pitch * np.exp(spread * generator.normal(0, 0.08)) * (1 + fall + melody)
    return pitch


def _vocal_folds(pitch: np.ndarray, jitter: np.ndarray, tilt: float) -> np.ndarray:
    """Return the source signal; `jitter` (sample,) varies every step of the phase by 2 %."""
    phase = np.cumsum(np.repeat(pitch, FRAME) / RATE * (1 + 0.02 * jitter)) % 1.0
    rising = (1 - np.cos(np.pi * phase / 0.6)) / 2
    falling = np.cos(np.pi * (phase - 0.6) / 0.4)
    flow = np.where(phase < 0.6, rising, np.where(phase < 0.8, falling, 0.0))
    source: np.ndarray = scipy.signal.lfilter([1 - tilt], [1, -tilt], np.diff(flow, prepend=0.0))
    return source


def _through_resonators(throat: np.ndarray, friction: np.ndarray, track: np.ndarray, voice: Voice) -> np.ndarray:
    """Return the sound of the throat after F1 to F5, plus friction noise after its own resonance."""
    bands = [(center, 50.0 + 0.04 * center) for center in track[:, :3].T]
    bands += [(np.full(len(track), center * voice.tract), width) for center, width in _UPPER]
    for center, width in bands:
        throat = _resonated(throat, center, voice.bandwidth * width)
    return throat + 0.16 * _resonated(friction, track[:, 6], track[:, 7])


def _resonated(sound: np.ndarray, center: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """Return the sound after a resonator with a center and bandwidth of every frame."""
    radius = np.exp(-np.pi * width / RATE)
    last = 2 * radius * np.cos(2 * np.pi * np.minimum(center, 0.48 * RATE) / RATE)
    before_last = np.broadcast_to(-(radius**2), last.shape)
    out = np.empty_like(sound)
    _resonate(sound, last, before_last, out)
    return out


@njit(cache=True, nogil=True)
def _resonate(sound: np.ndarray, last: np.ndarray, before_last: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with the resonator's equation, b = `last` and c = `before_last` of the sample's frame."""
    y1 = y2 = 0.0
    for sample in range(sound.size):
        frame = sample // FRAME
        b, c = last[frame], before_last[frame]
        out[sample] = (1 - b - c) * sound[sample] + b * y1 + c * y2
        y2, y1 = y1, out[sample]
