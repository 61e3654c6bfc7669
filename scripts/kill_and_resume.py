"""Kill a training again and again at random moments, go on each time, and compare with one that was left alone.

Prints how often it was killed and whether the parameters are the same, bit for bit; exits with 1 if they are not.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch


def main() -> None:
    """Compare a run that is left alone with runs that are killed, until there were as many kills as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="motifs")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        began = time.monotonic()
        subprocess.run(train(options.preset, "--epochs", str(options.epochs), "--output-dir", str(whole)), check=True)
        lasts = time.monotonic() - began
        kills, runs, same = 0, 0, True
        while kills < options.kills:
            folder = Path(scratch) / f"killed-{runs}"
            kills += killed_until_it_ends(options, folder, moments, lasts, limit=options.kills - kills)
            same &= parameters(folder) == parameters(whole)
            runs += 1
    print(f"{kills} kills in {runs} runs of {options.epochs} epochs; parameters {'equal' if same else 'DIFFER'}")
    sys.exit(not same)


def killed_until_it_ends(
    options: argparse.Namespace, folder: Path, moments: random.Random, lasts: float, *, limit: int
) -> int:
    """Train into a folder with at most `limit` kills, and return how many there were."""
    kills = 0
    while True:
        begun = (folder / "config.toml").exists()
        what = [str(folder), "--resume"] if begun else [options.preset, "--epochs", str(options.epochs)]
        running = subprocess.Popen(train(*what, *([] if begun else ["--output-dir", str(folder)])))
        try:
            running.wait(moments.uniform(0, lasts) if kills < limit else None)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            kills += 1
            continue
        return kills


def train(*words: str) -> list[str]:
    """Return the command line of a training."""
    return [sys.executable, "-m", "snnsim", "train", *words, "--device", "cpu"]


def parameters(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every parameter of a run."""
    state = torch.load(folder / "last.pt", weights_only=True)["network"]
    return {name: value.numpy().tobytes() for name, value in state.items()}


if __name__ == "__main__":
    main()
