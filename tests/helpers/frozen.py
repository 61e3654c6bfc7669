"""Networks that were frozen, beside the networks themselves."""

import torch

from snnsim import Events, freeze
from snnsim.nn.network import SpikingNetwork
from snnsim.simulation import Probe, Simulator


def simulated(network: SpikingNetwork, frames: torch.Tensor, engine: str) -> list[torch.Tensor]:
    """Return the spikes of every layer of a frozen network, float64 (time, batch, neuron).

    Args:
        network: The network.
        frames: Its input, (time, batch, channel).
        engine: Name of the engine.
    """
    program = freeze(network, time_step_ms=1.0)
    result = Simulator(program, engine=engine).run(Events.from_frames(frames.numpy()), Probe(spikes=True))
    layers = []
    for number in range(len(network.layers)):
        name = f"hidden {number + 1}"
        spikes = torch.zeros(len(frames), frames.shape[1], program.population(name).size, dtype=torch.float64)
        for recording in range(frames.shape[1]):
            step, neuron = result.spikes(name, recording)
            spikes[step, recording, neuron] = 1.0
        layers.append(spikes)
    return layers


def output_of_program(network: SpikingNetwork, frames: torch.Tensor, engine: str) -> torch.Tensor:
    """Return the membranes of the readout of a frozen network, float64 (time, batch, class).

    Args:
        network: The network.
        frames: Its input, (time, batch, channel).
        engine: Name of the engine.
    """
    program = freeze(network, time_step_ms=1.0)
    result = Simulator(program, engine=engine).run(Events.from_frames(frames.numpy()))
    return torch.stack([torch.from_numpy(result.output(recording)) for recording in range(frames.shape[1])], dim=1)
