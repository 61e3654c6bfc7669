"""The demo: generated spoken digits, a network that learns delays on them, and its accuracy.

A second start resumes where the first was stopped, and repeats no finished step.
"""

import argparse
import sys
import time
from pathlib import Path

from snnsim import cli, experiment
from snnsim.training.run_folder import RunFolder


def main() -> None:
    """Run the demo, or its short form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a small data set and few epochs")
    short = parser.parse_args().short
    run = Path("runs/digits-demo-short" if short else "runs/digits-demo")
    size = "small" if short else "default"
    began = time.monotonic()
    command("data", "make", "digits", "--size", size)
    train(run, ["--set", f"data.size={size}", *(["--epochs", "3"] if short else [])])
    command("evaluate", str(run), "--split", "test")
    figures = ", ".join(sorted(path.name for path in (run / "figures").iterdir()))
    print(
        f"\nThis took {(time.monotonic() - began) / 60:.1f} minutes.\n"
        f"Look at   {run}/figures: {figures}\n"
        f"          the rasters show one word of a voice that is not in the training data\n"
        "Next      snnsim train digits-no-delays        the same task without delays\n"
        "          snnsim train motifs                  a task that needs delays\n"
        "          snnsim train shd --data-path FOLDER  real recordings: the Spiking Heidelberg Digits\n"
        f"          (in this folder, snnsim is {Path(sys.executable).parent / 'snnsim'})"
    )


def train(run: Path, options: list[str]) -> None:
    """Train, resume a training that was stopped, or skip a finished one.

    Args:
        run: Folder of the run.
        options: Further options of `snnsim train`, for a new training alone.
    """
    if not RunFolder(run).config.exists():
        command("train", "digits", "--output-dir", str(run), *options)
    elif experiment.is_finished(run):
        print(f"{run} is trained already; delete the folder to train again")
    else:
        command("train", str(run), "--resume")


def command(*words: str) -> None:
    """Print a command of snnsim, and run it.

    Args:
        *words: Words of the command line behind `snnsim`.
    """
    print(f"\n$ snnsim {' '.join(words)}", flush=True)
    cli.main(list(words))


if __name__ == "__main__":
    main()
