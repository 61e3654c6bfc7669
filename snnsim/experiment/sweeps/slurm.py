"""A script for the cluster scheduler SLURM: an array of jobs that each run the same command on one shared disk."""

import shlex
from pathlib import Path

from snnsim.experiment.sweeps.spec import Spec

_WARNING_S = 120
"""Seconds between the signal to stop and the end of a job's time; a training writes a checkpoint meanwhile."""
_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=1-{jobs}
#SBATCH --output={logs}
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@{warning}
# Set cpus-per-task, time and, for GPUs, --gres=gpu:1 as your cluster has them. {folder} must lie on a disk that
# all nodes share. A job that its time limit ends leaves its training resumable: submit the script again.
cd {here} || exit 1
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK" NUMBA_NUM_THREADS="$SLURM_CPUS_PER_TASK"
srun {command}
"""


def script(wanted: Spec, command: str, *, jobs: int) -> str:
    """Return the script, and make the folder of its logs.

    Args:
        wanted: The spec.
        command: The command of each job.
        jobs: Number of jobs.
    """
    # SLURM starts no job whose folder of logs is missing
    wanted.folder.mkdir(parents=True, exist_ok=True)
    return _SCRIPT.format(
        name=wanted.name.replace(" ", "-"),
        jobs=jobs,
        folder=wanted.folder.resolve(),
        # a percent sign would begin a number of the job, and sbatch takes words as a shell does
        logs=shlex.quote(f"{str(wanted.folder.resolve()).replace('%', '%%')}/slurm-%A-%a.log"),
        warning=_WARNING_S,
        here=shlex.quote(str(Path.cwd())),
        command=command,
    )
