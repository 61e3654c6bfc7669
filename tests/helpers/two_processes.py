"""A training by two processes."""

import os
import subprocess
import sys


def train(*words: str, pictures: bool = False, script: str = __file__) -> subprocess.CompletedProcess:
    """Return the finished processes of `snnsim train`.

    Args:
        *words: The words behind `train`.
        pictures: Whether the training ends with its pictures, which take longer.
        script: File of a script that takes the words in place of `snnsim`.
    """
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    program = ["-m", "snnsim"] if pictures else [script]
    return subprocess.run(
        [sys.executable, *launcher, *program, "train", *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    from snnsim import cli
    from snnsim.experiment import plot_run

    plot_run.AFTER_TRAINING = ()
    cli.main()
