"""Processor time of augmenting and binning a batch of the preset shd, beside that of a training step.

    python scripts/bench/augmentation.py --data-path FOLDER

Both run in one thread. Other work on the machine changes processor time less than wall time.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from snnsim import presets
from snnsim.allocator import keep_memory
from snnsim.data import binning, heidelberg, splits
from snnsim.data.augment import KINDS
from snnsim.data.augmented_batches import AugmentedBatches
from snnsim.experiment import build
from snnsim.learning import decisions
from snnsim.training import optimizers
from snnsim.training.trainer import to_tensors

FOUR = ("blend", "channel_shift", "time_stretch", "event_drop")
OTHERS = ("time_shift", "channel_jitter", "noise_spikes")
LISTS = {
    "none": (),
    "four": FOUR,
    "six": (*FOUR, "time_mask", "channel_mask"),
    "ten": ("cutmix", *FOUR, *OTHERS, "time_mask", "channel_mask"),
    "twelve": ("chunk_drop", "cutmix", *FOUR, *OTHERS, "time_jitter", "time_mask", "channel_mask"),
} | {name: (name,) for name in KINDS}


def main() -> None:
    """Print the times of all lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-path", type=Path, required=True, help="folder of shd_train.h5")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    recordings = heidelberg.read(heidelberg.find(options.data_path, "shd")["train"])
    config = presets.named("shd")
    binned = binning.bin_events(recordings, time_step_ms=config.data.time_step_ms, channels=config.data.channels)
    indices = splits.shd(recordings).train
    step = training_step(len(recordings.classes))
    for name, kinds in LISTS.items():
        batches = AugmentedBatches.of(
            recordings,
            binned,
            indices,
            tuple(KINDS[kind]() for kind in kinds),
            batch_size=options.batch_size,
            workers=0,
        )
        prepare, steps = [], []
        for number in range(options.repeats + 1):
            (batch, seconds) = timed(lambda number=number, batches=batches: next(batches.starting_at(number)))
            prepare.append(seconds)
            if len(kinds) != 1:
                steps.append(timed(lambda batch=batch: step(batch))[1])
        # the first one compiles
        median = np.median(prepare[1:])
        share = f"{median / np.median(steps[1:]):8.1%} of {np.median(steps[1:]):.2f} s" if steps else ""
        print(f"{name:20} {1000 * median:6.1f} ms {share}")


def training_step(classes: int) -> Callable[..., None]:
    """Return a function that trains the network of the preset shd on a batch.

    Args:
        classes: Number of classes of the data.
    """
    config, device = presets.named("shd"), torch.device("cpu")
    network, rule = build.build_network(config, classes=classes).train(), build.rule(config)
    optimizer = optimizers.build(network, lr=5e-3, lr_delay=0.1, weight_decay=1e-5, steps=1000)
    decide = decisions.get_decision(config.training.decision)

    def step(arrays) -> None:
        optimizer.zero_grad()
        rule(network, to_tensors(arrays, device), decide, torch.Generator().manual_seed(0))
        optimizer.step()
        network.constrain()

    return step


def timed(function: Callable[[], object]) -> tuple[object, float]:
    """Return the result of a function and its processor time in seconds.

    Args:
        function: Function without arguments, called once.
    """
    began = time.process_time()
    result = function()
    return result, time.process_time() - began


if __name__ == "__main__":
    main()
