"""Kill a training again and again at random moments, go on each time, and compare with one that was left alone.

A part of the kills (--late) falls behind the last checkpoint, while pictures are drawn. A run must end with the same
parameters, bit for bit, the same metrics, the same rows for TensorBoard, all pictures, and nothing half written. Prints
how often it was killed and what differs; exits with 1 if anything does.
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
    """Compare a run that is left alone with runs that are killed, until there were as many kills as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="motifs")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--late", type=float, default=0.3, help="share of the kills that wait for the last checkpoint")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        began = time.monotonic()
        subprocess.run(train(options.preset, "--epochs", str(options.epochs), "--output-dir", str(whole)), check=True)
        lasts = time.monotonic() - began
        kills, runs, wrong = 0, 0, []
        while kills < options.kills:
            folder = Path(scratch) / f"killed-{runs}"
            kills += killed_until_it_ends(options, folder, moments, lasts, limit=options.kills - kills)
            wrong += differences(folder, whole)
            runs += 1
    print(f"{kills} kills in {runs} runs of {options.epochs} epochs; {'; '.join(wrong) or 'all equal'}")
    sys.exit(bool(wrong))


def killed_until_it_ends(
    options: argparse.Namespace, folder: Path, moments: random.Random, lasts: float, *, limit: int
) -> int:
    """Train into a folder with at most `limit` kills, and return how many there were."""
    kills = 0
    while True:
        begun = (folder / "config.toml").exists()
        what = [str(folder), "--resume"] if begun else [options.preset, "--epochs", str(options.epochs)]
        words = train(*what, *([] if begun else ["--output-dir", str(folder)]))
        running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        if kills < limit and not ended(running, folder, moments, lasts, late=moments.random() < options.late):
            running.send_signal(signal.SIGKILL)
            kills += 1
            running.communicate()
            continue
        said = running.communicate()[1]
        if running.returncode and "there is nothing to resume" not in said:
            sys.exit(f"{folder}: {said}")
        return kills


def ended(running: subprocess.Popen[str], folder: Path, moments: random.Random, lasts: float, *, late: bool) -> bool:
    """Wait for a random time, from the start or from the last checkpoint on; return whether the training has ended."""
    while late and running.poll() is None and not ((folder / "last.pt").exists() and is_finished(folder)):
        time.sleep(0.01)
    try:
        running.wait(moments.uniform(0, 3.0 if late else lasts))
    except subprocess.TimeoutExpired:
        return False
    return True


def differences(folder: Path, whole: Path) -> list[str]:
    """Return what is not as in a run that was left alone."""
    same = {
        "parameters": parameters(folder) == parameters(whole),
        "metrics": metrics(folder) == metrics(whole),
        "TensorBoard": rows(folder) == rows(whole),
        "files": files(folder) == files(whole),
    }
    return [f"{name} of {folder.name} DIFFER" for name, equal in same.items() if not equal]


def train(*words: str) -> list[str]:
    """Return the command line of a training."""
    return [sys.executable, "-m", "snnsim", "train", *words, "--device", "cpu"]


def parameters(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every parameter of a run."""
    state = torch.load(folder / "last.pt", weights_only=True)["network"]
    return {name: value.numpy().tobytes() for name, value in state.items()}


def metrics(folder: Path) -> list[dict[str, object]]:
    """Return the metrics of a run but those of time and memory."""
    return [{**row, "seconds": None, "peak_bytes": None} for row in RunFolder(folder).read_metrics()]


def rows(folder: Path) -> str:
    """Return what TensorBoard shows of a run, as JSON."""
    events = EventAccumulator(str(RunFolder(folder).tensorboard))
    events.Reload()
    names = sorted(set(events.Tags()["scalars"]) - {"seconds"})
    return json.dumps({name: [(event.step, event.value) for event in events.Scalars(name)] for name in names})


def files(folder: Path) -> list[str]:
    """Return the names of a run's files but those of TensorBoard, of which every start has one."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("tensorboard"))


if __name__ == "__main__":
    main()
