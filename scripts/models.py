"""Write the programs of the folder models/ from a finished run, in floats and in integers, as compressed files.

    python scripts/models.py runs/shd-best/refit/seed0 shd-best-0
    python scripts/models.py runs/shd-best/refit/seed0 shd-best-0 --data datasets/shd_test.h5
    python scripts/models.py runs/shd-small-0 shd-small-0 --int4 runs/shd-small-0-int4

    NAME.snn        weights in floats of 32 bits, delays in whole steps
    NAME-int8.snn   weights of 8 bits and delays of 5 bits
    NAME-int4.snn   weights of 4 bits and delays of 5 bits

With --int4, the weights of 4 bits are those of another run, which was fine-tuned with them. With --data, each program
is simulated on a file in the format of SHD, and its accuracy is a column of the table.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim.config import Config
from snnsim.experiment import programs
from snnsim.files import written_whole
from snnsim.program import Program
from snnsim.quantization import Scheme, quantize

SCHEMES = {"": None, "-int8": Scheme("int8", "5bit"), "-int4": Scheme("int4", "5bit")}


def published(program: Program) -> Program:
    """Return a program with weights of 32 bits, half as large, and without the folders of the machine.

    Args:
        program: The program, whose weights `freeze` has computed with 64 bits.
    """
    edges = (replace(edge, weight=edge.weight.astype(np.float32).astype(np.float64)) for edge in program.edges)
    config = Config.from_toml(program.provenance["config"], "the run").with_values({"data.path": None})
    run = Path(program.provenance["run"]).name
    provenance = {**program.provenance, "config": config.to_toml(), "run": run}
    return replace(program, edges=tuple(edges), provenance=provenance)


def compress(program: Program, path: Path) -> None:
    """Write a program as a compressed file, which holds the same program as an uncompressed one.

    Args:
        program: The program.
        path: The file.

    Raises:
        RuntimeError: If the file holds another program.
    """
    program.save(path)
    with np.load(path) as arrays:
        parts = dict(arrays)
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **parts)
    if Program.load(path).digest() != program.digest():
        raise RuntimeError(f"{path} does not hold the program that was written")


def accuracy(program: Program, data: Path | None) -> str:
    """Return the accuracy of a program on a file with its interval, or "" without a file.

    Args:
        program: The program.
        data: A file in the format of SHD.
    """
    if data is None:
        return ""
    recordings = programs.recordings(program, str(data), "test")
    result = programs.Machine().simulator(program).run(recordings.events)
    return recordings.measured(result).report.brief()


def main() -> None:
    """Write the files and print a table for their card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name of the files")
    parser.add_argument("--output", type=Path, default=Path("models"), help="folder of the files")
    parser.add_argument("--int4", type=Path, help="folder of a run that was fine-tuned with weights of 4 bits")
    parser.add_argument("--data", type=Path, help="file in the format of SHD for the accuracy")
    arguments = parser.parse_args()
    frozen = published(programs.freeze(arguments.run))
    tuned = frozen if arguments.int4 is None else published(programs.freeze(arguments.int4))
    print("| file | kB | synapses | longest delay | digest | accuracy |\n| --- | --- | --- | --- | --- | --- |")
    for suffix, scheme in SCHEMES.items():
        program = tuned if suffix == "-int4" else frozen
        written = program if scheme is None else quantize(program, scheme)
        path = arguments.output / f"{arguments.name}{suffix}.snn"
        compress(written, path)
        cells = (
            f"`{path.name}`", f"{path.stat().st_size / 1e3:.0f}", f"{sum(edge.synapses for edge in written.edges):,}",
            f"{written.longest_delay()}", written.digest()[:16], accuracy(written, arguments.data),
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
