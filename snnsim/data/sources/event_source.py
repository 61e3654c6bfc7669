"""Event recordings of a user's file as a source; data/sources/event_files.py has the layout of the file."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim.data import binning, cache, joining, recordings
from snnsim.data.binning import Binned
from snnsim.data.recordings import Recordings, narrowed
from snnsim.data.sources import annotations, array_files, event_check, event_files, parts
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.event_files import Layout
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.source import Settings, Source
from snnsim.data.targets import Targets


class EventSource(Source):
    """The recordings of a file of events.

    Args:
        path: The file.
        settings: Grid of the network.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self._settings = Path(path), settings
        findings = Findings(self.path)
        with array_files.opened(self.path) as file:
            layout = event_files.layout(file, findings)
        findings.require()
        assert layout is not None  # noqa: S101 - a layout without errors
        self._layout: Layout = layout
        self.annotations: Annotations = layout.annotations

    @property
    def units(self) -> int:
        """Number of channels of the sensor."""
        return self._layout.units

    @property
    def field(self) -> tuple[int, int, int] | None:
        """Rows, columns and polarities of the sensor."""
        return self._layout.field

    def gridded(self) -> Binned:
        """Return the recordings on the grid, from the cache where it has them."""
        own = self._settings
        channels = own.channels or self.units
        name = cache.key(self.path, own.time_step_ms, channels, own.max_time_ms, reader="events")
        binned = cache.cached(name, self._binned)
        # labels, classes and groups are those of the file: the names of classes may come from another split
        return replace(binned, label=self.annotations.label, classes=self.annotations.recording_classes)

    def _targets(self) -> Targets:
        return self.annotations.targets(self._layout.label_step_ms() or self._settings.time_step_ms)

    def _binned(self) -> Binned:
        own, targets, parts = self._settings, self._targets(), []
        with array_files.opened(self.path) as file:
            for piece in event_files.pieces(file, self._layout):
                try:
                    parts.append(
                        binning.bin_events(
                            event_files.to_recordings(piece, self._layout, targets),
                            time_step_ms=own.time_step_ms,
                            channels=own.channels or self.units,
                            max_time_ms=own.max_time_ms,
                        )
                    )
                except ValueError:
                    self._raise_fault(file)
                    raise
        return joining.joined(parts)

    def _raise_fault(self, file: ArrayFile) -> None:
        """Raise the first error of the events; there may be none, as a grid may be too fine.

        Raises:
            ValueError: If there is an error.
        """
        findings = Findings(self.path)
        event_check.scan(file, self._layout, findings)
        findings.require()

    def recordings(self) -> Recordings:
        """Return all recordings in memory.

        Raises:
            ValueError: If an event is wrong.
        """
        targets = self._targets()
        with array_files.opened(self.path) as file:
            parts = [
                event_files.to_recordings(piece, self._layout, targets)
                for piece in event_files.pieces(file, self._layout)
            ]
            joined = recordings.concatenate(parts)
            try:
                recordings.validate(joined, str(self.path))
            except ValueError:
                self._raise_fault(file)
                raise
        single = joined.time_ms.astype(np.float32)
        exact = np.array_equal(single, joined.time_ms)
        return replace(joined, time_ms=single if exact else joined.time_ms, unit=narrowed(joined.unit))


def check(path: Path) -> Findings:
    """Return what is in files of events, and everything that is wrong with them.

    Args:
        path: A file, .npz or HDF5, or a folder with a file for each split.
    """
    return parts.checked(Path(path), _check)


def _check(path: Path) -> Findings:
    findings = Findings(path)
    with array_files.opened(findings.path) as file:
        layout = event_files.layout(file, findings)
        if layout is not None:
            event_check.scan(file, layout, findings)
            annotations.describe(layout.annotations, findings)
    return findings
