"""What the pictures of a run are drawn from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers.networks import eighths, small_convolutional_network, small_images, small_network
from snnsim.experiment import plot_run
from snnsim.nn import LIF, LevyBaxter, MetaNeuron, SecondOrder

NEURONS = {
    "lif": lambda _: LIF(tau=2.0, threshold=0.25),
    "meta": lambda n: MetaNeuron(tau=2.0, threshold=0.25, learn="neuron", features=n),
    "levy_baxter": lambda _: LevyBaxter(threshold=0.25),
    "second_order": lambda _: SecondOrder(threshold=0.25),
}


@pytest.mark.parametrize("kind", NEURONS)
def test_the_voltage_of_the_neuron_that_is_shown_reaches_the_threshold_where_it_fires(kind):
    network, frames = small_network(neuron=NEURONS[kind]), eighths(30, 1, 5, low=0, high=30)
    for _ in range(20):
        network.train()(frames)
    with torch.no_grad():
        record = network.eval().record(frames)
    arrivals = plot_run._arrivals(SimpleNamespace(network=network), record)
    assert 0 < len(arrivals.spikes) < len(arrivals.voltage)
    np.testing.assert_array_equal(np.flatnonzero(arrivals.voltage >= arrivals.threshold), arrivals.spikes)


def test_convolutions_have_no_arrivals_to_draw():
    network = small_convolutional_network(delays=True).eval()
    with torch.no_grad():
        record = network.record(small_images()[:, :1])
    assert plot_run._arrivals(SimpleNamespace(network=network), record) is None
