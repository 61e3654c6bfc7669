"""The properties that every engine and every trained network keep as Programs; test_contracts.py runs them."""

from pathlib import Path

import numpy as np
import torch

from helpers.networks import BATCH, NEURONS, STEPS, eighths, small_network
from helpers.random_programs import dense_spikes
from snnsim.nn.freezing import freeze
from snnsim.program import Program
from snnsim.simulation import Events, Probe, simulate


def trained() -> tuple[torch.nn.Module, Program, torch.Tensor]:
    network, frames = small_network(extra_steps=3), eighths(STEPS, BATCH, NEURONS, low=0).mul(2).floor()
    network(frames)
    return network.eval(), freeze(network, time_step_ms=10.0), frames


@torch.no_grad()
def spikes_are_those_of_the_network(engine: str) -> None:
    network, program, frames = trained()
    result = simulate(program, Events.from_frames(frames.numpy()), engine=engine, record=Probe(spikes=True))
    record = network.record(frames)
    assert sum(float(layer.sum()) for layer in record.spikes[1:]) > 0
    for recording in range(BATCH):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        spikes = dense_spikes(result, program, recording)
        np.testing.assert_array_equal(spikes[:, : expected.shape[1]], expected)
        np.testing.assert_allclose(result.output(recording), record.output[:, recording], rtol=1e-9, atol=1e-12)


def reading_back_changes_nothing(engine: str, folder: Path) -> None:
    _, program, frames = trained()
    program.save(folder / "program.snn")
    events = Events.from_frames(frames.numpy())
    one, other = (simulate(each, events, engine=engine) for each in (program, Program.load(folder / "program.snn")))
    np.testing.assert_array_equal(one.node_counts, other.node_counts)
    np.testing.assert_array_equal(one.traces, other.traces)
