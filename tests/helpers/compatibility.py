"""Files of one version of snnsim, and the numbers that it computes from them; later versions compute the same.

    PYTHONPATH=CHECKOUT python tests/helpers/compatibility.py FOLDER

writes them with the snnsim of a checkout: a training that was interrupted, its network as a Program in floats and in
integers, one export of each for every target, and numbers.json. Only commands and names that every version has are
used; tests/compatibility/README.md says which version wrote which folder.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from snnsim import export, simulation
from snnsim.program import Program

STEPS, RECORDINGS, CHANNELS, UNITS = 20, 3, 14, 700
PROGRAMS = ("float.snn", "int8.snn", "noise.snn")
EXPORTS = {
    "float.npz": ("npz", "float.snn"), "float.nir": ("nir", "float.snn"), "float.sonata": ("sonata", "float.snn"),
    "float.pynn": ("spinnaker", "float.snn"), "int8.npz": ("npz", "int8.snn"), "int8.c": ("c", "int8.snn"),
    "int8.loihi1": ("loihi1", "int8.snn"), "int8.net": ("loihi2", "int8.snn"),
}  # fmt: skip
COMMAND = [sys.executable, "-c", "from snnsim.cli import main; main()"]
SETTINGS = {
    "data.channels": CHANNELS, "network.hidden": [6, 5], "network.max_delay_ms": 60.0, "network.extra_ms": 30.0,
    "network.dropout": 0.2, "network.threshold": 0.3, "training.batch_size": 16,
}  # fmt: skip


def behavior(program: Program) -> dict[str, object]:
    """Return what a Program does with fixed random spikes, bit for bit: counts, and digests of spikes and membranes.

    Args:
        program: Program with CHANNELS channels.
    """
    rng = np.random.default_rng(0)
    frames = rng.integers(1, 4, (STEPS, RECORDINGS, CHANNELS)) * (rng.random((STEPS, RECORDINGS, CHANNELS)) < 0.5)
    # the class that says what is recorded was called Record once
    probe = getattr(simulation, "Probe", None) or simulation.Record
    membranes = {population.name: None for population in program.populations}
    result = simulation.simulate(
        program, simulation.Events.from_frames(frames), record=probe(spikes=True, membranes=membranes), seed=0
    )
    spikes, voltages = hashlib.sha256(), hashlib.sha256()
    for recording in range(RECORDINGS):
        for population in program.populations:
            voltages.update(np.asarray(result.membrane(population.name, recording), "<f8").tobytes())
            if population.name != program.readout:
                for column in result.spikes(population.name, recording):
                    spikes.update(np.asarray(column, "<i8").tobytes())
    counts = [int(result.counts(population.name).sum()) for population in program.populations]
    return {"counts": counts, "spikes": spikes.hexdigest(), "membranes": voltages.hexdigest()}


def run_numbers(folder: Path) -> list[dict[str, object]]:
    """Return the numbers of a finished training: losses and accuracies, without times and memory.

    Args:
        folder: Folder of the run.
    """
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in ("seconds", "peak_bytes")} for row in rows]


def write(folder: Path) -> None:
    """Write all files, and their numbers, with the snnsim that is imported.

    Args:
        folder: The folder, which gets a folder `files` and the numbers.
    """
    files = folder.resolve() / "files"
    files.mkdir(parents=True)
    os.chdir(files)
    write_recordings(Path("data"))
    flags = [f"--set={name}={json.dumps(value)}" for name, value in SETTINGS.items()]
    train = ["train", "shd", "--data-path", "data", "--device", "cpu", *flags]
    interrupt(*train, "--epochs", "6", "--output-dir", "run")
    snnsim(*train, "--epochs", "1", "--output-dir", "noisy", "--set=network.neuron=meta")
    evaluation = json.loads(snnsim("evaluate", "run", "--split", "test", "--json", "--device", "cpu"))
    snnsim("freeze", "run", "-o", "float.snn")
    snnsim("freeze", "noisy", "-o", "noise.snn")
    snnsim("quantize", "float.snn", "--weights", "int8", "--split", "none", "-o", "int8.snn")
    for name, (target, program) in EXPORTS.items():
        snnsim("export", program, "--to", target, "--fix", "--split", "none", "-o", name)
    shutil.copytree("run", "finished")
    snnsim("train", "finished", "--resume")
    numbers = {
        "evaluation": {name: evaluation[name] for name in ("correct", "total", "loss")},
        "finished": run_numbers(Path("finished")),
        "programs": {name: behavior(Program.load(Path(name))) for name in PROGRAMS},
        "exports": {name: behavior(export.read(target, Path(name))) for name, (target, _) in EXPORTS.items()},
    }
    for name in ("noisy", "finished", "run/tensorboard", "run/figures"):
        shutil.rmtree(name, ignore_errors=True)
    os.chdir("..")
    Path("numbers.json").write_text(json.dumps(numbers, indent=1) + "\n")
    shutil.make_archive("files", "zip", "files")
    shutil.rmtree("files")


def write_recordings(folder: Path) -> None:
    """Write small files in SHD's format; the class is the third of the channels in which a recording has its spikes.

    Args:
        folder: The folder, which does not exist yet.
    """
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count, speakers in (("train", 48, (0, 1, 2, 6, 7)), ("test", 12, (3, 10))):
        label = np.arange(count) % 3
        times = [np.sort(rng.uniform(0, 0.15, rng.integers(20, 30))).astype(np.float16) for _ in label]
        units = [
            rng.integers(0, UNITS // 3, len(row)) + UNITS // 3 * kind for row, kind in zip(times, label, strict=True)
        ]
        with h5py.File(folder / f"shd_{split}.h5", "w") as file:
            for name, rows, dtype in (("times", times, np.float16), ("units", units, np.uint16)):
                values = np.empty(count, object)
                values[:] = [row.astype(dtype) for row in rows]
                file.create_dataset(f"spikes/{name}", data=values, dtype=h5py.vlen_dtype(dtype))
            file["labels"] = label.astype(np.uint16)
            file["extra/speaker"] = np.array(speakers)[np.arange(count) // 3 % len(speakers)].astype(np.uint16)
            file["extra/keys"] = np.array(["low", "middle", "high"], "S")


def snnsim(*words: str) -> str:
    """Return what a command prints.

    Args:
        *words: Words of the command line behind `snnsim`.
    """
    return subprocess.run([*COMMAND, *words], check=True, capture_output=True, text=True).stdout


def interrupt(*words: str) -> None:
    """Begin a training, and stop it by Ctrl-C when its first epochs are over.

    Args:
        *words: Words of the command line; the last one is the folder of the run.
    """
    metrics = Path(words[-1]) / "metrics.jsonl"
    process = subprocess.Popen([*COMMAND, *words])
    while not (metrics.exists() and metrics.read_text().count("\n") > 1):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0, "the training was over before it could be interrupted"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
