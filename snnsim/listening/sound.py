"""Sources of sound in pieces: a file, or a microphone whose utterances begin and end by their loudness.

    level     of a file: that of all its samples · of a microphone: that of a first stretch of speech
    onset     a frame of 20 ms whose RMS is at least half of the RMS of the level
    end       0.3 s without such a frame, or LONGEST_S after the onset

Shapes   samples (sample,), float64
"""

import queue
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.data.speech import audio_files, cochlea
from snnsim.data.speech.cochlea import Level

MICROPHONE_RATE = 48_000
FRAME_S, QUIET_S, BEFORE_S, LONGEST_S = 0.02, 0.3, 0.1, 1.4
"""Frame of the gate, silence that ends an utterance, sound before the onset, and longest utterance, in seconds."""
_ONSET = 0.5


@dataclass(frozen=True)
class Sound:
    """A sound with its rate and level."""

    samples: np.ndarray
    rate: int
    level: Level
    """Of the sound at 24 kHz."""

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """Yield the samples piece by piece.

        Args:
            size: Samples of a piece.
        """
        for first in range(0, len(self.samples), size):
            yield self.samples[first : first + size]


def of_samples(samples: np.ndarray, rate: int) -> Sound:
    """Return a sound with its level.

    Args:
        samples: Mono samples (sample,).
        rate: Samples per second.
    """
    return Sound(samples, rate, Level.of(cochlea.resampled(samples, rate)))


def of_file(path: Path) -> Sound:
    """Return the sound of a file, the average of its channels.

    Args:
        path: A WAV, FLAC or OGG file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no sound, or too short, too long or silent.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"listen: {path} must be a sound file (WAV, FLAC or OGG); there is none")
    try:
        return of_samples(*audio_files.read(Path(path)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@dataclass(frozen=True, eq=False)
class Gate:
    """Detection of utterances in pieces of sound; a value, as each piece returns the next one."""

    rate: int
    level: Level
    pending: np.ndarray
    """Samples that are no complete frame, or that could precede an onset."""
    active_s: float = 0.0
    """Duration of the utterance so far; 0 in silence."""
    quiet_s: float = 0.0

    @classmethod
    def of(cls, rate: int, level: Level) -> "Gate":
        """Return a gate in silence.

        Args:
            rate: Samples per second.
            level: Mean and loudness of speech.
        """
        return cls(rate, level, np.zeros(0))

    def feed(self, samples: np.ndarray) -> "tuple[list[tuple[np.ndarray, bool]], Gate]":
        """Return pieces of utterances, each with whether an utterance ends with it, and the gate after them.

        Args:
            samples: Next samples (sample,).
        """
        frame, pieces, gate = round(FRAME_S * self.rate), [], self
        sound = np.concatenate([self.pending, samples])
        # in silence, the sound before an onset is kept; it was compared already
        first = len(self.pending) // frame * frame
        while first + frame <= len(sound):
            loud = (
                float(np.sqrt(np.mean(self.level.applied(sound[first : first + frame]) ** 2))) >= _ONSET * cochlea.RMS
            )
            first += frame
            if not gate.active_s and not loud:
                continue
            quiet = 0.0 if loud else gate.quiet_s + FRAME_S
            gate = replace(gate, active_s=gate.active_s + FRAME_S, quiet_s=quiet)
            ends = quiet >= QUIET_S or gate.active_s >= LONGEST_S
            begin = max(first - frame - round(BEFORE_S * self.rate), 0) if gate.active_s == FRAME_S else first - frame
            pieces.append((sound[begin:first], ends))
            sound, first = sound[first:], 0
            if ends:
                gate = replace(gate, active_s=0.0, quiet_s=0.0)
        keep = (
            len(sound) - first if gate.active_s else len(sound) - first + round(BEFORE_S * self.rate) // frame * frame
        )
        return pieces, replace(gate, pending=sound[max(len(sound) - keep, 0) :])


def microphone(piece_s: float, device: str | None) -> Iterator[np.ndarray]:
    """Yield pieces of sound of a microphone, until the caller stops.

    Args:
        piece_s: Duration of a piece in seconds.
        device: Name or number of the device, as `python -m sounddevice` lists them; None for the system's choice.

    Raises:
        ImportError: If sounddevice, or the library PortAudio that it needs, is not installed.
        OSError: If there is no such microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise ImportError(
            f"listen: a microphone needs the package sounddevice and the library PortAudio ({error}); install "
            "'snnsim[listen]' and PortAudio (libportaudio2), or name a file: --file x.wav"
        ) from error
    waiting: queue.Queue[np.ndarray] = queue.Queue()

    def arrived(samples: np.ndarray, *_: Any) -> None:
        waiting.put(samples[:, 0].astype(np.float64))

    chosen = int(device) if device is not None and device.isdecimal() else device
    size = round(piece_s * MICROPHONE_RATE)
    try:
        stream = sounddevice.InputStream(
            samplerate=MICROPHONE_RATE, blocksize=size, channels=1, dtype="float32", device=chosen, callback=arrived
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise OSError(
            f"listen: there must be a microphone of {MICROPHONE_RATE} Hz; PortAudio says {str(error)!r}; choose one of "
            "`python -m sounddevice` by --device, or name a file: --file x.wav"
        ) from error
    with stream:
        while True:
            yield waiting.get()


def measured_level(pieces: Iterator[np.ndarray], seconds: float) -> Level:
    """Return the level of the loud frames of the first pieces of a microphone.

    Args:
        pieces: Pieces of sound, of which the first are taken.
        seconds: Duration of the measurement.

    Raises:
        ValueError: If the microphone delivers silence.
    """
    taken: list[np.ndarray] = []
    while sum(map(len, taken)) < seconds * MICROPHONE_RATE:
        taken.append(next(pieces))
    samples = np.concatenate(taken)
    frame = round(FRAME_S * MICROPHONE_RATE)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    loudness = frames.std(axis=1)
    try:
        return Level.of(cochlea.resampled(frames[loudness >= np.quantile(loudness, 0.5)].ravel(), MICROPHONE_RATE))
    except ValueError as error:
        raise ValueError(f"listen: the microphone must deliver sound; {error}") from error


def utterances(pieces: Iterator[np.ndarray], rate: int, level: Level) -> Iterator[Iterator[np.ndarray]]:
    """Yield utterances, each as an iterator over its pieces, which must be exhausted before the next one.

    Args:
        pieces: Pieces of sound.
        rate: Samples per second.
        level: Mean and loudness of speech.
    """
    heard = _heard(pieces, Gate.of(rate, level))
    for first, ends in heard:
        yield _until_end(first, heard, ends=ends)


def _heard(pieces: Iterator[np.ndarray], gate: Gate) -> Iterator[tuple[np.ndarray, bool]]:
    for samples in pieces:
        new, gate = gate.feed(samples)
        yield from new


def _until_end(first: np.ndarray, rest: Iterator[tuple[np.ndarray, bool]], *, ends: bool) -> Iterator[np.ndarray]:
    yield first
    while not ends:
        # a sound that stops ends its utterance
        samples, ends = next(rest, (np.zeros(0), True))
        yield samples
