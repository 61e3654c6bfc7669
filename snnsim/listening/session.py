"""A session of listening: pieces of sound through a listener, with the time of each and the slack to real time.

slack = duration of the sound that a piece completes − time of its computation
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snnsim.listening.listener import Heard, Listener


class Moment(NamedTuple):
    """One piece, as a listener heard it."""

    heard: Heard
    sound_s: float
    """Duration of the samples of the piece."""
    seconds: float
    """Time of the computation."""
    last: bool

    @property
    def slack_s(self) -> float:
        """Time that is left until the next piece of a live sound."""
        return self.sound_s - self.seconds


@dataclass(frozen=True)
class Summary:
    """The pieces of one recording."""

    moments: tuple[Moment, ...]

    @property
    def scores(self) -> np.ndarray:
        """Scores at the end (class,)."""
        return self.moments[-1].heard.scores

    @property
    def sound_s(self) -> float:
        """Duration of the sound."""
        return sum(moment.sound_s for moment in self.moments)

    @property
    def seconds(self) -> float:
        """Time of all computations."""
        return sum(moment.seconds for moment in self.moments)

    @property
    def least_slack_s(self) -> float:
        """Slack of the slowest piece, apart from the end, which waits for no further sound."""
        return min((moment.slack_s for moment in self.moments[:-1]), default=0.0)


def listen(listener: Listener, pieces: Iterable[np.ndarray]) -> Iterator[Moment]:
    """Yield what each piece of a recording adds, and at last what its end adds.

    Args:
        listener: The listener.
        pieces: Pieces of sound (sample,).
    """
    state = listener.start()
    for samples in pieces:
        began = time.perf_counter()
        heard, state = listener.feed(samples, state)
        yield Moment(heard, len(samples) / listener.rate, time.perf_counter() - began, last=False)
    began = time.perf_counter()
    heard = listener.finish(state)
    yield Moment(heard, 0.0, time.perf_counter() - began, last=True)


def warm_up(listener: Listener) -> None:
    """Compile all that a session computes, so that the time of its first piece is that of the others.

    Args:
        listener: The listener.
    """
    noise = np.random.default_rng(0).normal(size=listener.rate)
    for _ in listen(listener, (noise[: len(noise) // 2], noise[len(noise) // 2 :])):
        pass


def facts(listener: Listener, summary: Summary) -> dict[str, Any]:
    """Return decision, speed and work of a recording in the types of JSON.

    Args:
        listener: The listener.
        summary: What it heard.
    """
    order = np.argsort(-summary.scores, kind="stable")[:3]
    results = [moment.heard.result for moment in summary.moments if moment.heard.result is not None]
    return {
        "class": listener.classes[int(order[0])],
        "best": [[listener.classes[int(number)], float(summary.scores[number])] for number in order],
        "sound_s": summary.sound_s,
        "seconds": summary.seconds,
        "times_real_time": summary.sound_s / summary.seconds,
        "pieces": len(summary.moments) - 1,
        "median_piece_ms": 1000 * float(np.median([moment.seconds for moment in summary.moments[:-1]])),
        "least_slack_ms": 1000 * summary.least_slack_s,
        "input_spikes": sum(int(moment.heard.events.count.sum()) for moment in summary.moments),
        "spikes": sum(len(result.spike_step) for result in results),
        "synaptic_operations": sum(int(result.synaptic_operations().sum()) for result in results),
    }


def joined(summary: Summary) -> tuple[np.ndarray, np.ndarray]:
    """Return the input (event, step and channel and count) and the spikes (spike, step and neuron) of a recording.

    Args:
        summary: What a listener heard.
    """
    inputs, spikes = [], []
    for moment in summary.moments:
        begin, events, result = moment.heard.begin, moment.heard.events, moment.heard.result
        inputs.append(np.stack([events.step + begin, events.channel, events.count.astype(np.int64)], axis=1))
        if result is not None:
            spikes.append(np.stack([result.spike_step + begin, result.spike_neuron], axis=1))
    return np.concatenate(inputs), np.concatenate(spikes)


def c_input(summary: Summary) -> bytes:
    """Return the input of a recording as the program `run` of an exported folder of C reads it, int32 numbers.

    Args:
        summary: What a listener heard.
    """
    inputs, _ = joined(summary)
    last = summary.moments[-1].heard
    return np.concatenate([[last.begin + last.steps, len(inputs)], inputs.ravel()]).astype(np.int32).tobytes()


def compared(listener: Listener, samples: np.ndarray, summary: Summary) -> int:
    """Return the number of spikes of a recording, if all equal those of the complete recording at once.

    Args:
        listener: The listener.
        samples: All samples (sample,).
        summary: What the listener heard.

    Raises:
        RuntimeError: If a spike or a score differs.
    """
    events, result = listener.at_once(samples)
    inputs, spikes = joined(summary)
    complete = np.stack([events.step, events.channel, events.count.astype(np.int64)], axis=1)
    own = np.stack([result.spike_step, result.spike_neuron], axis=1)
    order, own_order = (np.lexsort((rows[:, 1], rows[:, 0])) for rows in (spikes, own))
    same = (
        np.array_equal(inputs, complete)
        and np.array_equal(spikes[order], own[own_order])
        and np.array_equal(summary.scores, result.scores()[0])
    )
    if not same:
        raise RuntimeError(
            f"listen: the stream must have the spikes of the complete recording, and differs: {len(inputs)} and "
            f"{len(complete)} inputs, {len(spikes)} and {len(own)} spikes; please report the file and the versions"
        )
    return len(complete) + len(own)
