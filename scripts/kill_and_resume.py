"""Kill trainings at random moments, resume them, and compare them with an undisturbed training.

A share of the kills (--late) falls behind the last checkpoint, while figures are drawn. A resumed run must end with the
same parameters, bit for bit, the same metrics, the same rows of TensorBoard, all figures, and no temporary files. The
script prints the number of kills and the differences; its exit status is 1 if there is a difference.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snnsim.experiment import is_finished
from snnsim.training.run_folder import RunFolder


def main() -> None:
    """Compare an undisturbed run with runs that are killed, until the number of kills is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="motifs")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--late", type=float, default=0.3, help="share of the kills after the last checkpoint")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed = Path(scratch) / "undisturbed"
        began = time.monotonic()
        subprocess.run(
            train(options.preset, "--epochs", str(options.epochs), "--output-dir", str(undisturbed)), check=True
        )
        duration = time.monotonic() - began
        kills, runs, differing = 0, 0, list[str]()
        while kills < options.kills:
            folder = Path(scratch) / f"killed-{runs}"
            kills += killed_until_it_ends(options, folder, moments, duration, limit=options.kills - kills)
            differing += differences(folder, undisturbed)
            runs += 1
    print(f"{kills} kills in {runs} runs of {options.epochs} epochs; {'; '.join(differing) or 'all equal'}")
    sys.exit(bool(differing))


def killed_until_it_ends(
    options: argparse.Namespace, folder: Path, moments: random.Random, duration: float, *, limit: int
) -> int:
    """Train into a folder with a limited number of kills, and return the number of kills.

    Args:
        options: Options of the command line.
        folder: Folder of the run.
        moments: Source of the random moments of kills.
        duration: Seconds of the undisturbed training.
        limit: The most kills.
    """
    kills = 0
    while True:
        begun = (folder / "config.toml").exists()
        target = [str(folder), "--resume"] if begun else [options.preset, "--epochs", str(options.epochs)]
        words = train(*target, *([] if begun else ["--output-dir", str(folder)]))
        running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        if kills < limit and not ended(running, folder, moments, duration, late=moments.random() < options.late):
            running.send_signal(signal.SIGKILL)
            kills += 1
            running.communicate()
            continue
        message = running.communicate()[1]
        if running.returncode and "there is nothing to resume" not in message:
            sys.exit(f"{folder}: {message}")
        return kills


def ended(running: subprocess.Popen[str], folder: Path, moments: random.Random, duration: float, *, late: bool) -> bool:
    """Wait for a random time, and return whether the training has ended.

    Args:
        running: Process of the training.
        folder: Folder of the run.
        moments: Source of the random time.
        duration: The longest time in seconds, from the start of the process.
        late: Whether the time begins with the last checkpoint of the training instead, and takes at most 3 s.
    """
    while late and running.poll() is None and not ((folder / "last.pt").exists() and is_finished(folder)):
        time.sleep(0.01)
    try:
        running.wait(moments.uniform(0, 3.0 if late else duration))
    except subprocess.TimeoutExpired:
        return False
    return True


def differences(folder: Path, undisturbed: Path) -> list[str]:
    """Return the names of the results that differ from those of an undisturbed run.

    Args:
        folder: Folder of the run that was killed and resumed.
        undisturbed: Folder of the undisturbed run.
    """
    same = {
        "parameters": parameters(folder) == parameters(undisturbed),
        "metrics": metrics(folder) == metrics(undisturbed),
        "TensorBoard": rows(folder) == rows(undisturbed),
        "files": files(folder) == files(undisturbed),
    }
    return [f"{name} of {folder.name} DIFFER" for name, equal in same.items() if not equal]


def train(*words: str) -> list[str]:
    """Return the command line of a training.

    Args:
        *words: Words behind `snnsim train`.
    """
    return [sys.executable, "-m", "snnsim", "train", *words, "--device", "cpu"]


def parameters(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every parameter of a run.

    Args:
        folder: Folder of the run, which holds a checkpoint.
    """
    state = torch.load(folder / "last.pt", weights_only=True)["network"]
    return {name: value.numpy().tobytes() for name, value in state.items()}


def metrics(folder: Path) -> list[dict[str, object]]:
    """Return the metrics of a run without time and memory.

    Args:
        folder: Folder of the run.
    """
    return [{**row, "seconds": None, "peak_bytes": None} for row in RunFolder(folder).read_metrics()]


def rows(folder: Path) -> str:
    """Return the rows of TensorBoard, as JSON.

    Args:
        folder: Folder of the run.
    """
    events = EventAccumulator(str(RunFolder(folder).tensorboard))
    events.Reload()
    names = sorted(set(events.Tags()["scalars"]) - {"seconds"})
    return json.dumps({name: [(event.step, event.value) for event in events.Scalars(name)] for name in names})


def files(folder: Path) -> list[str]:
    """Return the names of the files of a run, without those of TensorBoard, as every start adds one.

    Args:
        folder: Folder of the run.
    """
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.startswith("tensorboard"))


if __name__ == "__main__":
    main()
