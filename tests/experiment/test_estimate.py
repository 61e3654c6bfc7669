"""The estimated memory of a config equals the allocated memory, and is checked before work begins."""

import pytest
import torch

from snnsim import limits, presets
from snnsim.experiment import build, datasets, estimate, train_run

CLASSES = 5


@pytest.mark.parametrize(
    "name", ["shd", "shd-no-delays", "shd-fixed-delays", "images", "patterns-delays", "digits-sparse"]
)
def test_the_network_is_counted_exactly(name):
    config = presets.named(name).with_values({"network.taps": 2} if "no-delays" not in name else {})
    network = build.build_network(config, classes=CLASSES)
    copies = 0
    for synapse in network.synapses():
        copies += 4 * synapse.weight.numel()
        if hasattr(synapse, "delay"):
            copies += (4 if synapse.delay.requires_grad else 1) * synapse.delay.numel()
    assert sum(estimate.of_network(config, classes=CLASSES).values()) == 4 * copies


def test_the_neurons_of_all_layers_are_counted():
    config = presets.named("patterns-delays")
    network = build.build_network(config, classes=CLASSES).eval()
    record = network.record(torch.zeros(3, 1, config.data.channels))
    shapes = [layer.shape[-1] for layer in record.spikes[1:]]
    assert shapes
    assert [layer.neurons for layer in estimate.layers(config, classes=CLASSES)][: len(shapes)] == shapes


def test_a_training_grows_with_recordings_steps_and_width():
    config = presets.named("shd")

    def size(**changes):
        return sum(estimate.of_training(config, classes=20, **{"recordings": 64, "steps": 100} | changes).values())

    fixed = sum(estimate.of_network(config, classes=20).values())
    assert size(recordings=128) - fixed == pytest.approx(2 * (size() - fixed), rel=0.2)
    # a batch has no more recordings than the config says
    assert size(recordings=10**9) == size(recordings=config.training.batch_size)
    # measured: 62 MB
    assert 30e6 < size() - fixed < 70e6


def test_memory_of_chunks_does_not_grow_with_time():
    config = presets.named("digits").with_values({"training.rule": "sltt", "training.window_ms": 80.0})
    sizes = [estimate.of_training(config, classes=20, recordings=8, steps=steps) for steps in (1000, 10**6)]
    assert sizes[0] == sizes[1]


def test_too_large_networks_are_refused_before_data_are_read(tmp_path, monkeypatch, tiny):
    monkeypatch.setenv(limits.VARIABLE, "100MB")
    monkeypatch.setattr(datasets, "load_splits", lambda *_: pytest.fail("data were looked for"))
    with pytest.raises(
        MemoryError, match=r"config shd: needs about 564 GB .*connections of hidden 1 in training: 560 GB"
    ):
        train_run.train("shd", tiny | {"network.hidden": [10**9 // 8]}, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_large_batches_are_refused_before_training(tmp_path, monkeypatch, tiny):
    monkeypatch.setenv(limits.VARIABLE, "2MB")
    with pytest.raises(MemoryError, match=r"largest parts: input of \d+ steps: .*SNNSIM_MEMORY_LIMIT"):
        train_run.train("shd", tiny | {"training.batch_size": 64, "network.extra_ms": 1000.0}, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_large_networks_are_not_built(monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, "1GB")
    with pytest.raises(MemoryError, match="config images: needs about"):
        build.build_network(
            presets.named("images").with_values({"network.convolutions": [10**6, 10**5]}), classes=CLASSES
        )


def test_an_average_and_masks_of_steps_need_memory():
    config = presets.named("digits")
    averaged = config.with_values({"training.average": "ema"})
    plain, more = (estimate.of_network(each, classes=20) for each in (config, averaged))
    # weights and delays, of which four copies become six
    assert sum(more.values()) == sum(plain.values()) * 6 // 4
    masked = config.with_values({"network.dropout_mask": "step"})
    plain, more = (estimate.of_training(each, classes=20, recordings=8, steps=50) for each in (config, masked))
    # a byte and a float32 for each neuron of two layers of 128, in 50 steps and 10 more
    assert sum(more.values()) - sum(plain.values()) == 5 * 60 * 8 * 2 * 128
