import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from snnsim.data import cache, heidelberg
from snnsim.data.batches import Batches
from snnsim.experiment import build
from snnsim.learning.decisions import summed_softmax
from snnsim.presets import named
from snnsim.training import evaluation

CPU = torch.device("cpu")


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (10, 10), (37, 100), (2123, 2264)])
def test_the_interval_is_that_of_wilson(correct, total):
    expected = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert evaluation.wilson(correct, total) == pytest.approx((expected.low, expected.high))


@pytest.fixture
def network_and_data(shd_folder, tiny):
    # an untrained network needs a low threshold to fire at all
    config = named("shd").with_values(tiny | {"network.neuron.threshold": 0.05})
    binned = cache.binned(heidelberg.find(shd_folder, "shd")["test"], time_step_ms=10.0, channels=140)
    return build.build_network(config, classes=3), binned


def evaluated(network, binned, batch_size):
    batches = Batches(binned, np.arange(len(binned)), batch_size=batch_size)
    return evaluation.evaluate(network, batches, summed_softmax, device=CPU)


def test_the_result_does_not_depend_on_the_batches(network_and_data):
    network, binned = network_and_data
    one, all_at_once = evaluated(network, binned, 1), evaluated(network, binned, 30)
    odd = evaluated(network, binned, 7)
    assert one.correct == all_at_once.correct == odd.correct
    assert one.total == all_at_once.total == odd.total == 30
    assert one.loss == pytest.approx(all_at_once.loss, rel=1e-5)
    assert one.activity == pytest.approx(all_at_once.activity)


def test_evaluating_changes_nothing(network_and_data):
    network, binned = network_and_data
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    evaluated(network, binned, 8)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@torch.no_grad()
def test_activity_counts_the_spikes_of_valid_steps(network_and_data):
    network, binned = network_and_data
    result = evaluated(network, binned, 30)
    network.eval()
    spikes, steps = 0.0, 0
    for number in range(len(binned)):
        frames, length = binned.dense(np.array([number]))
        valid = int(length[0]) + network.extra_steps
        record = network.record(torch.from_numpy(frames), torch.from_numpy(length).long())
        spikes += float(record.spikes[1][:valid].sum()) / record.spikes[1].shape[2]
        steps += valid
    assert result.activity[0] == pytest.approx(spikes / steps)
    assert result.activity[0] > 0
