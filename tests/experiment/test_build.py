from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import presets
from snnsim.config import Config
from snnsim.data import heidelberg, tonic_bridge
from snnsim.experiment import build, datasets
from snnsim.nn import Conv, DelayedConv, DelayedLinear, SparseLinear


def config(tiny, **values) -> Config:
    return presets.named("shd").with_values(tiny | values)


def test_validation_comes_from_training_and_shares_no_recording_with_it(tiny):
    data = datasets.load_splits(config(tiny), "train", "valid", "test")
    train, valid = data["train"], data["valid"]
    assert train.binned is not data["test"].binned
    assert not set(train.indices) & set(valid.indices)
    assert sorted([*train.indices, *valid.indices]) == list(range(90))
    # every recording of the held-out speakers, and a few of the others
    assert {1, 6} <= set(valid.binned.speaker[valid.indices])
    assert not {1, 6} & set(train.binned.speaker[train.indices])
    assert len(data["test"].indices) == 30


@pytest.mark.parametrize("speakers", [range(10), range(10, 20), (1, 6, 9)])
def test_other_data_are_validated_with_separate_speakers(tiny, tmp_path, speakers, shd_folder):
    recordings = heidelberg.read(shd_folder / "shd_train.h5")
    who = np.array(speakers)[np.arange(90) % len(speakers)]
    heidelberg.write(tmp_path / "mine_train.h5", replace(recordings, speaker=who))
    data = datasets.load_splits(config(tiny, **{"data.path": str(tmp_path)}), "train", "valid")
    train, valid = (who[data[name].indices] for name in ("train", "valid"))
    assert not set(train) & set(valid)
    assert 0.1 < len(valid) / 90 < 0.4


def test_the_home_folder_can_be_named(tiny, monkeypatch, shd_folder):
    monkeypatch.setenv("HOME", str(shd_folder))
    assert datasets.planned_folder(config(tiny, **{"data.path": "~"}).data) == shd_folder


def test_a_validation_file_is_taken_where_there_is_one(tiny, tmp_path, shd_folder):
    for split in ("train", "test"):
        (tmp_path / f"ssc_{split}.h5").write_bytes((shd_folder / f"shd_{split}.h5").read_bytes())
    (tmp_path / "ssc_valid.h5").write_bytes((shd_folder / "shd_test.h5").read_bytes())
    data = datasets.load_splits(config(tiny, **{"data.name": "ssc", "data.path": str(tmp_path)}), "train", "valid")
    assert len(data["train"].indices) == 90
    assert len(data["valid"].indices) == 30


def test_splits_of_different_classes_are_named(tiny, tmp_path, shd_folder):
    (tmp_path / "shd_train.h5").write_bytes((shd_folder / "shd_train.h5").read_bytes())
    recordings = heidelberg.read(shd_folder / "shd_test.h5")
    other = type(recordings)(**{**vars(recordings), "classes": ("a", "b", "c")})
    heidelberg.write(tmp_path / "shd_test.h5", other)
    with pytest.raises(ValueError, match="the splits of a data set must have the same classes"):
        datasets.load_splits(config(tiny, **{"data.path": str(tmp_path)}), "train", "test")


def test_a_missing_split_is_named(tiny, tmp_path, shd_folder):
    (tmp_path / "shd_train.h5").write_bytes((shd_folder / "shd_train.h5").read_bytes())
    with pytest.raises(FileNotFoundError, match=r"there is no test file beside .*shd_train\.h5; found: train"):
        datasets.load_splits(config(tiny, **{"data.path": str(tmp_path)}), "test")


@pytest.mark.parametrize("existing", [None, ".", "SHD"])
def test_a_missing_or_empty_folder_is_filled_by_a_download(tiny, tmp_path, monkeypatch, existing):
    asked = []
    monkeypatch.setattr(tonic_bridge, "download", lambda name, folder: asked.append((name, folder)))
    folder = tmp_path / "new"
    if existing is not None:
        (folder / existing).mkdir(parents=True)
    assert datasets.data_folder(config(tiny, **{"data.path": str(folder)}).data) == folder
    assert asked == [("shd", folder)]


def test_the_network_is_a_function_of_the_seed(tiny):
    first, second = (build.build_network(config(tiny), classes=3).state_dict() for _ in range(2))
    other = build.build_network(config(tiny, **{"training.seed": 1}), classes=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["synapse.delay"], other["synapse.delay"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [({"network.delays": "none"}, SparseLinear), ({"network.taps": 2}, DelayedLinear)],
)
def test_settings_reach_the_network(tiny, values, kind):
    settings = {
        "network.window": "max",
        "network.neuron.reset": "soft",
        "network.neuron.detach_reset": False,
        "network.neuron.surrogate": "triangle",
        "network.neuron.surrogate_alpha": None,
        "network.neuron.learn_decay": "neuron",
        "network.neuron.learn_threshold": True,
        "network.neuron.threshold": 0.5,
        "network.neuron.tau_ms": 40.0,
        "network.batch_norm": False,
    }
    network = build.build_network(config(tiny, **settings, **values), classes=3)
    layer = network.layers[0]
    assert isinstance(layer.synapse, kind)
    assert layer.norm is None
    assert not layer.neuron.reset.hard
    assert not layer.neuron.reset.detached
    assert layer.neuron.surrogate.name == "triangle"
    assert layer.neuron.surrogate.sharpness == 1.0
    assert layer.neuron.decay().shape == (12,)
    np.testing.assert_allclose(layer.neuron.decay().detach(), 0.75, rtol=1e-6)
    assert isinstance(layer.neuron.threshold, torch.nn.Parameter)
    assert layer.neuron.threshold.item() == 0.5
    if kind is DelayedLinear:
        assert layer.synapse.weight.shape == (12, 140, 2)
        assert layer.synapse.max_delay == 6
        assert layer.synapse.window == "max"


def test_only_windows_with_a_width_are_annealed(tiny):
    assert build.width_schedule(config(tiny, **{"network.delays": "none"})) is None
    assert build.width_schedule(config(tiny, **{"network.delays": "fixed"})) is None
    assert build.width_schedule(config(tiny, **{"network.window": "v1"})) is None
    width = build.width_schedule(config(tiny, **{"network.window": "max", "training.epochs": 8}))
    assert width(0) == pytest.approx(4.0)
    assert width(2) == pytest.approx(1.23)


@pytest.mark.parametrize(("window", "last"), [("gauss", 0.5), ("max", 1.23)])
@pytest.mark.parametrize("longest", [0.0, 1.0])
def test_windows_of_a_short_range_have_the_last_width_from_the_beginning(tiny, window, last, longest):
    width = build.width_schedule(config(tiny, **{"network.window": window, "network.max_delay_ms": longest}))
    assert [width(epoch) for epoch in (0, 1, 100)] == pytest.approx([last] * 3)


def test_the_vision_preset_has_the_settings_of_the_paper():
    network = build.build_network(presets.named("images"), classes=10)
    assert [type(synapse) for synapse in network.synapses()] == [Conv, Conv, Conv]
    assert [synapse.into for synapse in network.synapses()] == [(8, 8, 16), (4, 4, 32), (1, 1, 10)]
    assert [synapse.patches.pool for synapse in network.synapses()] == [1, 2, 2]
    for layer in network.layers:
        assert layer.neuron.decay().item() == pytest.approx(1 / 11)
        assert not layer.neuron.reset.hard
        assert (layer.neuron.surrogate.name, layer.neuron.surrogate.sharpness) == ("triangle", 1.0)
        assert layer.norm.num_features == layer.channels
    assert network.readout.decay().item() == 0
    assert network.extra_steps == 0


def test_convolutions_may_have_delays_and_hidden_layers_behind_them():
    values = {"network.hidden": [9, 7], "network.taps": 2, "network.kernel": 5, "network.neuron.learn_decay": "neuron"}
    network = build.build_network(presets.named("patterns-delays").with_values(values), classes=8)
    kinds = [DelayedConv, DelayedConv, DelayedConv, DelayedLinear, DelayedLinear]
    assert [type(synapse) for synapse in network.synapses()] == kinds
    shapes = [(16, 50, 2), (32, 400, 2), (9, 512, 2), (7, 9, 2), (8, 7, 2)]
    assert [synapse.weight.shape for synapse in network.synapses()] == shapes
    assert [len(layer.neuron.decay()) for layer in network.layers] == [16, 32, 9, 7]
    assert network(torch.zeros(3, 2, 512)).shape == (3, 2, 8)


def test_sizes_are_those_of_the_layers():
    assert build.layer_sizes(presets.named("motifs"), classes=10) == "20 - 128 - 10"
    config = presets.named("images").with_values({"network.hidden": [9]})
    assert build.layer_sizes(config, classes=10) == "8 x 8 x 1 - 8 x 8 x 16 - 4 x 4 x 32 - 9 - 10"


def test_runs_without_settings_of_convolutions_can_be_read(tiny):
    new = build.architecture(config(tiny), classes=3)
    assert {name for name, value in new.items() if value is None} >= {
        "convolutions",
        "kernel",
        "pool",
        "field",
    }
    assert build.architecture(presets.named("images"), classes=10)["field"] == [8, 8, 1]


def test_settings_that_old_checkpoints_lack_have_no_value_by_default():
    """A new setting of the network is None where it is not used, or no checkpoint of before could be read."""
    images = build.architecture(presets.named("images"), classes=10)
    named = """channels classes convolutions delays extra_ms field hidden kernel max_delay_ms neuron pool readout
    batch_norm dropout sigma_end sigma_start sparsity taps time_step_ms window"""
    assert {name for name, value in images.items() if value is not None} <= set(named.split())
    strided = presets.named("images").with_values({"network.stride": 2, "network.pool": 1})
    assert build.architecture(strided, classes=10)["stride"] == 2
    assert build.layer_sizes(strided, classes=10) == "8 x 8 x 1 - 4 x 4 x 16 - 2 x 2 x 32 - 10"
