"""All errors of the events of a file, counted piece by piece, with the first of each kind."""

import numpy as np

from snnsim import ragged
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.event_files import PIECE, Layout, Piece, in_ms, pieces
from snnsim.data.sources.findings import Findings

_LONGEST_S, _SHORTEST_S = 3600.0, 1e-3
"""Durations of the longest recording of a file beyond which its unit of time is doubtful."""


def scan(file: ArrayFile, of: Layout, findings: Findings, *, most: int = PIECE) -> None:
    """Add all errors of single events, and the facts about all of them, to the findings.

    Args:
        file: The open file.
        of: Its layout.
        findings: Errors, warnings and facts are added to it.
        most: Most events of a piece.
    """
    counts = _Counts(of)
    for piece in pieces(file, of, most=most):
        counts.add(piece)
    counts.report(findings)


class _Counts:
    """Wrong events of a file, counted piece by piece."""

    def __init__(self, of: Layout) -> None:
        self.of = of
        self.wrong: dict[str, tuple[int, int, int]] = {}
        """Number of wrong events, the first of them, and its recording, by the text of the rule."""
        self.longest, self.longest_recording, self.whole = 0.0, 0, True

    def add(self, piece: Piece) -> None:
        """Count the wrong events of a piece."""
        times = piece.times
        finite = np.isfinite(times)
        self._count(piece, "times must be finite", ~finite)
        self._count(piece, "times must not be negative", finite & (times < 0))
        self._count(piece, "times must ascend within a recording", ragged.descends(times, piece.offset))
        for name, position, size in zip(self.of.axes, piece.positions, self.of.sensor, strict=True):
            self._count(piece, f"{name} must lie in 0..{size - 1}", (position < 0) | (position >= size))
        if finite.any():
            latest = int(np.argmax(np.where(finite, times, -1)))
            longest = float(in_ms(times[latest : latest + 1], self.of.unit)[0]) / 1000
            if longest > self.longest:
                self.longest, self.longest_recording = longest, self._recording(piece, latest)
        self.whole &= times.dtype.kind in "iu" or bool(np.all(times[finite] == np.floor(times[finite])))

    def _recording(self, piece: Piece, event: int) -> int:
        return piece.first + int(np.searchsorted(piece.offset, event, side="right")) - 1

    def _count(self, piece: Piece, rule: str, wrong: np.ndarray) -> None:
        number = int(wrong.sum())
        if number:
            first = int(np.argmax(wrong))
            event = int(self.of.offset[piece.first]) + first
            old, first_event, first_recording = self.wrong.get(rule, (0, event, self._recording(piece, first)))
            self.wrong[rule] = (old + number, first_event, first_recording)

    def report(self, findings: Findings) -> None:
        """Add errors, warnings and facts to the findings."""
        for rule, (count, event, recording) in self.wrong.items():
            must = f"{count:,} {'does' if count == 1 else 'do'} not, first event {event} in recording {recording}"
            findings.errors.append(f"{rule}; {must}; sort or correct them, or leave them out")
        events = np.diff(self.of.offset)
        findings.facts += [
            ("recordings", f"{len(events):,} of {events.min():,} to {events.max():,} events, {events.sum():,} in all"),
            ("sensor", f"{' x '.join(map(str, self.of.sensor))}: {self.of.units:,} channels"),
            ("times", f"in {self.of.unit}; the longest recording lasts {self.longest:g} s"),
        ]
        if self.longest > _LONGEST_S or 0 < self.longest < _SHORTEST_S:
            findings.warnings.append(
                f"time_unit may be wrong: in {self.of.unit!r}, the longest recording ({self.longest_recording}) lasts "
                f"{self.longest:g} s"
            )
        elif self.of.unit == "s" and self.whole:
            findings.warnings.append("time_unit may be wrong: all times are whole seconds")
