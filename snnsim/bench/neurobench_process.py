"""The process that runs NeuroBench: an adapter from a Program to the modules that its metrics hook.

    mirrors      an nn.Linear (target, source) for each edge and each further synapse of a pair; they receive the spikes
                 of their source in every step, so that a spike counts each synapse of weight ≠ 0 once
    activations  a module for each population that fires; it receives its spikes
    storage      buffers in the types of `stored`, for the footprint alone

The spikes are those of our simulator; the harness counts. All recordings are one batch, and steps behind the end of a
recording are left out, as the harness would count them.

    python -m snnsim.bench.neurobench_process PROGRAM INPUT.npz OUTPUT.json
"""

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy, SynapticOperations
from neurobench.models import NeuroBenchModel
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from snnsim.bench.neurobench_report import stored
from snnsim.files import write_json
from snnsim.program import INPUT, Program
from snnsim.simulation import Events, Probe, Simulator


class Spikes(nn.Module):
    """Spikes of a population, for hooks of activations."""

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the spikes.

        Args:
            spikes: The spikes (row, neuron).
        """
        return spikes


class Mirrors(nn.Module):
    """Linear layers and activations, by the numbers of edges and the names of populations.

    Args:
        program: The Program.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.linear, self.sources = nn.ModuleList(), []
        for edge in (each.unrolled() for each in program.edges):
            size = program.population(edge.target).size, program.sources(edge.source)
            pre, pair = edge.pre(), edge.pre().astype(np.int64) * size[0] + edge.post
            # the number of a synapse among those of its pair
            order = np.argsort(pair, kind="stable")
            begin = np.searchsorted(pair[order], pair[order])
            tap = np.empty(len(pair), np.int64)
            tap[order] = np.arange(len(pair)) - begin
            for number in range(int(tap.max(initial=-1)) + 1):
                weight = np.zeros(size)
                chosen = tap == number
                weight[edge.post[chosen], pre[chosen]] = edge.weight[chosen]
                layer = nn.Linear(size[1], size[0], bias=False, dtype=torch.float64)
                layer.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
                self.linear.append(layer)
                self.sources.append(edge.source)
        self.firing = [each.name for each in program.populations if each.fires]
        self.activations = nn.ModuleList(Spikes() for _ in self.firing)

    def forward(self, spikes: dict[str, Tensor]) -> None:
        """Show spikes to all modules.

        Args:
            spikes: Spikes (row, neuron) of the input and of each population.
        """
        for layer, source in zip(self.linear, self.sources, strict=True):
            layer(spikes[source])
        for activation, name in zip(self.activations, self.firing, strict=True):
            activation(spikes[name])


class Adapter(NeuroBenchModel):  # type: ignore[misc]
    """A Program as a model of NeuroBench.

    Args:
        program: The Program.
        events: All recordings, which the loader names by their numbers.
    """

    def __init__(self, program: Program, events: Events) -> None:
        super().__init__()
        self.program, self.events, self.net = program, events, Mirrors(program)
        self.add_activation_module(Spikes)

    def __call__(self, batch: Tensor) -> Tensor:
        """Return the decided classes of recordings, or zeros without a decision.

        Args:
            batch: Numbers of the recordings (recording, 1).
        """
        program, events = self.program, self.events.select(batch[:, 0].long().numpy())
        result = Simulator(program).run(events, Probe(spikes=True))
        steps = np.concatenate([[0], np.cumsum(result.length)])
        spikes = {INPUT: torch.zeros(int(steps[-1]), program.channels, dtype=torch.float64)}
        recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
        rows = torch.from_numpy(steps[recording] + events.step)
        counts = torch.from_numpy(events.count.astype(np.float64))
        spikes[INPUT].index_put_((rows, torch.from_numpy(events.channel.astype(np.int64))), counts, accumulate=True)
        for population in program.populations:
            part = torch.zeros(int(steps[-1]), population.size, dtype=torch.float64)
            for number in range(len(events)) if population.fires else ():
                step, neuron = result.spikes(population.name, number)
                part[torch.from_numpy(steps[number] + step), torch.from_numpy(neuron.astype(np.int64))] = 1
            spikes[population.name] = part
        self.net(spikes)
        chosen = program.decision is not None and program.task == "class"
        return torch.from_numpy(np.asarray(result.predictions())) if chosen else torch.zeros(len(events))

    def __net__(self) -> nn.Module:
        return self.net


class Storage(NeuroBenchModel):  # type: ignore[misc]
    """The arrays of a Program as buffers.

    Args:
        program: The Program.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.net = nn.Module()
        for number, array in enumerate(stored(program).values()):
            # torch has few operations on unsigned integers of more than 8 bits, but their size
            self.net.register_buffer(f"array{number}", torch.from_numpy(array))

    def __call__(self, batch: Tensor) -> Tensor:
        """Return the batch, as there is nothing to compute.

        Args:
            batch: Any tensor.
        """
        return batch

    def __net__(self) -> nn.Module:
        return self.net


def main(program_path: str, input_path: str, output_path: str) -> None:
    """Run the harness, and write its metrics.

    Args:
        program_path: File of the Program.
        input_path: File with the arrays of the recordings and their labels.
        output_path: File for the metrics, JSON.
    """
    program = Program.load(Path(program_path))
    with np.load(input_path, allow_pickle=False) as arrays:
        events = Events(*(arrays[name] for name in ("step", "channel", "count", "offset", "length")))
        label = arrays["label"]
    labeled = len(label) == len(events)
    numbers = torch.arange(len(events))[:, None]
    targets = torch.from_numpy(label) if labeled else torch.zeros(len(events))
    workload: list[Any] = [ActivationSparsity, SynapticOperations, *([ClassificationAccuracy] if labeled else [])]
    loader = DataLoader(TensorDataset(numbers, targets), batch_size=len(events))
    metrics = Benchmark(Adapter(program, events), loader, [], [], [[ConnectionSparsity], workload]).run(quiet=True)
    storage = Benchmark(Storage(program), loader, [], [], [[Footprint], []]).run(quiet=True)
    operations = metrics["SynapticOperations"]
    values = {
        "footprint": float(storage["Footprint"]),
        "connection_sparsity": float(metrics["ConnectionSparsity"]),
        "activation_sparsity": float(metrics["ActivationSparsity"]),
        "synaptic_operations": float(operations["Effective_MACs"] + operations["Effective_ACs"]),
        "synaptic_operations_dense": float(operations["Dense"]),
        "effective_macs": float(operations["Effective_MACs"]),
        "effective_acs": float(operations["Effective_ACs"]),
    }
    if labeled:
        values["classification_accuracy"] = float(metrics["ClassificationAccuracy"])
    write_json(Path(output_path), {**values, "version": importlib.metadata.version("neurobench")})


if __name__ == "__main__":
    main(*sys.argv[1:])
