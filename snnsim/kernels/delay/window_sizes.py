"""The length of the windows into which overlap_save.py cuts a sequence."""

from functools import lru_cache

from snnsim.kernels.delay import fft

SHORT = 512
"""Points of a window up to which a sequence is not cut."""
_KERNEL = 64
"""Windows whose transforms and products cost as much as the transforms of kernels: measured with 256 neurons."""
_GAIN = 1.25
"""Times that shorter windows should cost less."""


@lru_cache(maxsize=256)
def points_of_a_window(steps: int, delays: int, lanes: int) -> int:
    """Return the points of a window: a short sequence is not cut, unless it has few lanes beside its kernels.

    Args:
        steps: The steps of the currents.
        delays: The number of delays of a kernel.
        lanes: The number of recordings.
    """
    points = whole_points(steps, delays)
    shorter = {fft.good_size(least) for least in range(delays + 1, points)} - {points}
    best = min(sorted(shorter), key=lambda size: _cost(size, steps, delays, lanes), default=points)
    less = _cost(best, steps, delays, lanes) * _GAIN < _cost(points, steps, delays, lanes)
    return best if less else points


def whole_points(steps: int, delays: int) -> int:
    """Return the points of a window where a short sequence is not cut.

    Args:
        steps: The steps of the currents.
        delays: The number of delays of a kernel.
    """
    points = fft.good_size(steps + delays - 1)
    return points if points <= max(SHORT, 4 * delays) else fft.good_size(max(SHORT // 2, 4 * delays))


def cost_of_windows(steps: int, delays: int, lanes: int) -> int:
    """Return the cost of the windows of a sequence, in points of a window of one lane.

    Args:
        steps: The steps of the currents.
        delays: The number of delays of a kernel.
        lanes: The number of recordings.
    """
    return _cost(points_of_a_window(steps, delays, lanes), steps, delays, lanes)


def _cost(points: int, steps: int, delays: int, lanes: int) -> int:
    """Return the cost of windows: the transforms of kernels, and transforms and products of all windows."""
    number = -(-steps // (points - delays + 1))
    return points * (_KERNEL + number * lanes)
