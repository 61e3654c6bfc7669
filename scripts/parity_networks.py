"""Train small networks on `digits` for the table of parity: loops, skip connections, adaptive neurons and synapses.

python scripts/parity_networks.py [--epochs 20] [--size small] [--hidden 64] [--output runs/parity]
python scripts/parity.py --network --program runs/parity/*.snn --split test --python ENV/bin/python

    recurrent   learned axonal delays of 1 to 40 steps from the last hidden layer to itself
    skip        learned delays from the input to the last hidden layer, and from the first one to the readout
    adlif       SE-adLIF            silif   SiLIF            cuba_lif   LIF with an exponential synapse

Each network is written in floats, NAME.snn, and with int8 weights for each channel and 5-bit delays, NAME-int8.snn. The
trainings are short: a parity compares spikes, and no accuracy.
"""

import argparse
from pathlib import Path

import torch

import snnsim
from snnsim import Scheme, SpikingNetwork, presets, quantize
from snnsim.config import Config
from snnsim.experiment import build, datasets
from snnsim.experiment.datasets import Part
from snnsim.nn import DelayedLinear, Skip, freezing

CHANGES: dict[str, dict[str, object]] = {
    "recurrent": {"network.recurrent": "delays", "network.recurrent.layers": [2]},
    "skip": {},
    "adlif": {"network.neuron": "adlif"},
    "silif": {"network.neuron": "silif"},
    "cuba_lif": {"network.neuron": "cuba_lif"},
}
"""Values that differ from those of the preset `digits`, by network."""
DELAYS = "5bit"


def build_network(name: str, config: Config, *, classes: int) -> SpikingNetwork:
    """Return an untrained network.

    Args:
        name: A name of CHANGES.
        config: Its config.
        classes: Number of classes.
    """
    network = build.build_network(config, classes=classes)
    if name != "skip":
        return network
    longest = round(config.network.max_delay_ms / config.data.time_step_ms)
    first, last = config.network.hidden
    skips = [
        Skip(0, 2, DelayedLinear(config.data.channels, last, max_delay=longest)),
        Skip(1, 3, DelayedLinear(first, classes, max_delay=longest)),
    ]
    return SpikingNetwork(
        list(network.layers), network.synapse, network.readout, extra_steps=network.extra_steps, skips=skips
    )


def batches(part: Part, size: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Return frames, labels and lengths of the recordings of a part in batches.

    Args:
        part: The part.
        size: Recordings of a batch.
    """
    result = []
    order = torch.randperm(len(part.indices), generator=torch.Generator().manual_seed(0)).numpy()
    for start in range(0, len(order), size):
        chosen = part.indices[order[start : start + size]]
        frames, lengths = part.binned.dense(chosen)
        labels = torch.from_numpy(part.binned.label[chosen]).long()
        result.append((torch.from_numpy(frames), labels, torch.from_numpy(lengths).long()))
    return result


def train(name: str, options: argparse.Namespace) -> None:
    """Train a network, and write its two programs.

    Args:
        name: A name of CHANGES.
        options: The options of the command line.
    """
    torch.manual_seed(options.seed)
    values: dict[str, object] = {"data.size": options.size, "training.seed": options.seed}
    values |= {"network.hidden": [options.hidden] * 2} | CHANGES[name]
    config = presets.named("digits").with_values(values)
    part = datasets.load_splits(config, "train")["train"]
    network = build_network(name, config, classes=len(part.binned.classes))
    history = snnsim.fit(network, batches(part, config.training.batch_size), epochs=options.epochs, seed=options.seed)
    program = freezing.freeze(
        network,
        time_step_ms=config.data.time_step_ms,
        classes=part.binned.classes,
        decision=config.training.decision,
        provenance={"config": config.to_toml(), "epochs": options.epochs, "snnsim": snnsim.__version__},
    )
    options.output.mkdir(parents=True, exist_ok=True)
    program.save(options.output / f"{name}.snn")
    quantize(program, Scheme("int8", DELAYS)).save(options.output / f"{name}-int8.snn")
    print(f"{name}: {history[-1]['accuracy']:.1%} of the training recordings are correct", flush=True)


def main() -> None:
    """Train all networks, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--size", choices=["small", "default"], default="small", help="size of the data set")
    parser.add_argument("--hidden", type=int, default=64, help="neurons of each of two layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/parity"))
    options = parser.parse_args()
    for name in options.network:
        train(name, options)


if __name__ == "__main__":
    main()
