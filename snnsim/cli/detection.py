"""The command that looks for motion in a recording: detect."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import Camera, Output, TimeUnit
from snnsim.schema import Range

Time = Annotated[float, arg(metavar="MS"), Range(at_least=0, at_most=1e9)]
Length = Annotated[float, arg(metavar="MS"), Range(above=0, at_most=1e5)]


@dataclass(frozen=True)
class Detect:
    """Draw the motion that a trained layer detects in a recording of an event camera; print the decision and the processing speed in events per second.

    The layer is that of `snnsim reproduce motion`. The recording is a .bin (N-MNIST, N-Caltech101), .dat (Prophesee), .aedat (2, 3 and 4), .mat (ST-MNIST) or .csv file. The picture has the events, the optical flow at every position, and the decision over time.

    - snnsim detect runs/motion-small 00002.bin
    - snnsim detect runs/motion-small mine.aedat4 --start-ms 500 --duration-ms 200 --output flow.png
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of `snnsim reproduce motion`."""
    recording: Annotated[Positional[Path], arg(metavar="FILE")]
    """File of a recording."""
    output: Output = None
    """Picture to write: .png, .svg or .pdf (default: in the folder of the run)."""
    start_ms: Time = 0.0
    """Beginning of the part of the recording, from its first event."""
    duration_ms: Length = 100.0
    """Length of that part."""
    model: Literal["dense", "learned-delays", "fixed-delays"] = "dense"
    """Layer of the run."""
    seed: Annotated[int, arg(metavar="N"), Range(at_least=0, at_most=10_000)] = 0
    """Seed of the layer."""
    camera: Camera = None
    """Camera of AEDAT 2 files."""
    time_unit: TimeUnit = None
    """Unit of the times of CSV files."""

    def __call__(self) -> None:
        """Draw the picture, and print the decision and the speed."""
        from snnsim.data.cameras.events import Options
        from snnsim.experiment.motion import drawing
        from snnsim.experiment.motion.settings import Cell

        output = self.output or self.run / "figures" / f"flow-{self.recording.stem}.png"
        options = Options(camera=self.camera, unit=self.time_unit)
        part = drawing.Part(self.recording, options, self.start_ms, self.duration_ms)
        result = drawing.recording(self.run, part, output, cell=Cell(self.model, self.seed))
        rate = result.events / result.seconds
        print(
            f"{result.events:,} events in {result.duration_ms:g} ms; {result.seconds:.3f} s, {rate:,.0f} events per second"
        )
        print(f"decision by all evidence: {result.decision}")
        print(result.picture)
