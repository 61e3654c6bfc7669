"""An event camera: every pixel sends an event whenever its log intensity has moved by a threshold.

    L(t)                                 log intensity, linear in time between two frames
    m ← m + p θ_p, event (t, p)          at the time t at which (L(t) − m) p = θ_p, p = +1 (on) or −1 (off)
    θ_p ~ θ · Normal(1, spread)          drawn once for each pixel and polarity, at least θ / 10
    leak     m decreases by θ_on · leak rate · dt, so that a pixel in the dark sends on events now and then
    shot     events of either polarity at the times of a Poisson process

A crossing within the refractory time after the last event of its pixel moves m and sends no event.

Shapes   frames (frame, ...) with any axes of pixels, such as (movie, row, column) · m (...) · events (event,)
Units    times and the refractory time in ms, rates in Hz, θ in natural logarithm of intensity
Names    m the level that a pixel remembers · θ threshold · p polarity
Source   Lichtsteiner, Posch & Delbruck 2008, IEEE J. Solid-State Circuits 43:566; log intensity linear in time:
         Rebecq, Gehrig & Scaramuzza 2018 (CoRL); leak and shot noise: Hu, Liu & Delbruck 2021 (CVPR workshops)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snnsim.units import to_rate
from snnsim.validation import real


class SimulatedEvents(NamedTuple):
    """Events in the order of their times."""

    time_ms: np.ndarray
    """float64 (event,), from the first frame."""
    pixel: np.ndarray
    """Number of the pixel in the flat frame, int64 (event,)."""
    polarity: np.ndarray
    """1 for brighter (on), 0 for darker (off), uint8 (event,)."""


class CameraState(NamedTuple):
    """What the pixels remember after a frame."""

    level: np.ndarray
    """Log intensity at the last event (pixel,)."""
    frame: np.ndarray
    """Log intensity of the last frame (pixel,)."""
    last_ms: np.ndarray
    """Time of the last event (pixel,); -inf before the first one."""
    threshold: np.ndarray
    """Thresholds of off and on events (2, pixel)."""
    time_ms: float
    """Time of the last frame."""


@dataclass(frozen=True)
class EventCamera:
    """A camera without lens and sensor: frames of log intensity in, events out."""

    threshold: float = 0.2
    """Change of log intensity that gives an event."""
    spread: float = 0.0
    """Relative standard deviation of the threshold from pixel to pixel."""
    refractory_ms: float = 0.0
    """Time after an event in which a pixel sends no other one."""
    leak_hz: float = 0.0
    """Rate of the on events of a pixel whose intensity does not change."""
    shot_hz: float = 0.0
    """Rate of the noise events of a pixel, half of them on events."""

    def __post_init__(self) -> None:
        real(self.threshold, who="EventCamera", name="threshold", above=0)
        for name in ("spread", "refractory_ms", "leak_hz", "shot_hz"):
            real(getattr(self, name), who="EventCamera", name=name, at_least=0)

    def start(self, frame: np.ndarray, generator: np.random.Generator) -> CameraState:
        """Return the state of a camera that has seen one frame for a long time.

        Args:
            frame: Log intensity of the first frame, (...).
            generator: Generator of the thresholds.
        """
        level = _checked(frame, frame.shape).astype(np.float64).ravel()
        factor = 1 + self.spread * generator.standard_normal((2, level.size)) if self.spread else np.ones((2, 1))
        threshold = np.broadcast_to(self.threshold * np.maximum(factor, 0.1), (2, level.size))
        return CameraState(level, level.copy(), np.full(level.size, -np.inf), threshold, 0.0)

    def step(
        self, state: CameraState, frame: np.ndarray, *, dt_ms: float, generator: np.random.Generator
    ) -> tuple[SimulatedEvents, CameraState]:
        """Return the events between the last frame and the next one, and the state after it.

        Args:
            state: State after the last frame.
            frame: Log intensity of the next frame, (...).
            dt_ms: Time between the two frames in ms.
            generator: Generator of the shot noise.

        Raises:
            ValueError: If the frame has other pixels, or is no finite log intensity.
        """
        after = _checked(frame, frame.shape).astype(np.float64).ravel()
        if after.size != state.level.size:
            raise ValueError(
                f"EventCamera: frames must have the {state.level.size:,} pixels of the first one, not {after.size:,}"
            )
        level = state.level - state.threshold[1] * to_rate(self.leak_hz, dt_ms)
        last = state.last_ms.copy()
        pieces = [*self._crossings(state, level, last, after, dt_ms), *self._shot(state, last, dt_ms, generator)]
        events = _sorted(pieces)
        return events, CameraState(level, after, last, state.threshold, state.time_ms + dt_ms)

    def record(self, frames: np.ndarray, *, dt_ms: float, generator: np.random.Generator) -> SimulatedEvents:
        """Return the events of frames at equal intervals; the first frame is at time 0 and gives no event.

        Args:
            frames: Log intensity, (frame, ...).
            dt_ms: Time between two frames in ms.
            generator: Generator of thresholds and noise.
        """
        frames = np.asarray(frames)
        state, pieces = self.start(frames[0], generator), []
        for frame in frames[1:]:
            events, state = self.step(state, frame, dt_ms=dt_ms, generator=generator)
            pieces.append(events)
        return SimulatedEvents(*(np.concatenate(column) for column in zip(_sorted([]), *pieces, strict=True)))

    def _crossings(
        self, state: CameraState, level: np.ndarray, last: np.ndarray, after: np.ndarray, dt_ms: float
    ) -> list[SimulatedEvents]:
        """Return the events of threshold crossings; level and times of last events are updated in place."""
        pieces = []
        # the change since the last frame tells the time of a crossing; a leak in a static scene crosses at the end
        change = after - state.frame
        pixel = np.flatnonzero(_over(after, level, state.threshold))
        while len(pixel):
            sign = np.sign(after[pixel] - level[pixel])
            polarity = (sign > 0).astype(np.uint8)
            level[pixel] += sign * state.threshold[polarity, pixel]
            slope = change[pixel]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(slope * sign > 0, (level[pixel] - state.frame[pixel]) / slope, 1.0)
            time = state.time_ms + dt_ms * np.clip(share, 0.0, 1.0)
            sent = time - last[pixel] >= self.refractory_ms
            last[pixel[sent]] = time[sent]
            pieces.append(SimulatedEvents(time[sent], pixel[sent], polarity[sent]))
            pixel = pixel[_over(after[pixel], level[pixel], state.threshold[:, pixel])]
        return pieces

    def _shot(
        self, state: CameraState, last: np.ndarray, dt_ms: float, generator: np.random.Generator
    ) -> list[SimulatedEvents]:
        if not self.shot_hz:
            return []
        count = generator.poisson(to_rate(self.shot_hz, dt_ms) * last.size)
        pixel = generator.integers(last.size, size=count)
        time = state.time_ms + dt_ms * generator.random(count)
        polarity = generator.integers(2, size=count).astype(np.uint8)
        sent = np.abs(time - last[pixel]) >= self.refractory_ms
        return [SimulatedEvents(time[sent], pixel[sent], polarity[sent])]


def _over(after: np.ndarray, level: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    distance = after - level
    # the sums of a ramp differ from its thresholds by rounding, which must not lose the last event
    rounding = 1e-9 * threshold
    over: np.ndarray = (distance >= threshold[1] - rounding[1]) | (-distance >= threshold[0] - rounding[0])
    return over


def _sorted(pieces: list[SimulatedEvents]) -> SimulatedEvents:
    empty = SimulatedEvents(np.empty(0), np.empty(0, np.int64), np.empty(0, np.uint8))
    joined = SimulatedEvents(*(np.concatenate(column) for column in zip(empty, *pieces, strict=True)))
    order = np.argsort(joined.time_ms, kind="stable")
    return SimulatedEvents(*(column[order] for column in joined))


def _checked(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    frame = np.asarray(frame)
    if not np.issubdtype(frame.dtype, np.floating) or not np.isfinite(frame).all():
        raise ValueError(
            f"EventCamera: frames must be finite floating-point log intensity {shape}, not {frame.dtype}; take the "
            "logarithm, with a small number added to an intensity of 0"
        )
    return frame
