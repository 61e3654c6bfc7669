"""`fit` trains a network on batches of one's own, without a config."""

from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import snnsim
from helpers.networks import generator, small_network
from snnsim import BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork
from snnsim.learning.options import EMA, AdamW, RateBounds


def timing(recordings: int, seed: int):
    """Return recordings of two channels that fire twice; the class is which of them fires first."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (recordings,), generator=draw)
    frames, start = torch.zeros(24, recordings, 2), torch.randint(8, (recordings,), generator=draw)
    each = torch.arange(recordings)
    frames[start, each, labels] = 1.0
    frames[start + 6, each, 1 - labels] = 1.0
    return frames, labels


def a_network():
    draw = torch.Generator().manual_seed(0)
    hidden = SpikingLayer(
        DelayedLinear(2, 24, 10, generator=draw), snnsim.LIF(tau=2.0), norm=BatchNorm(24), dropout=0.1
    )
    return SpikingNetwork([hidden], DelayedLinear(24, 2, 10, generator=draw), LeakyReadout(tau=2.0))


@pytest.mark.parametrize("rule", ["bptt", "sltt", partial(snnsim.sltt, chunk=6)])
def test_learns_which_channel_fires_first(rule):
    frames, labels = timing(256, 0)
    batches = [(frames[:, part], labels[part]) for part in torch.arange(256).split(64)]
    network = a_network()
    history = snnsim.fit(network, batches, epochs=20, valid=[timing(128, 1)], rule=rule, lr=0.02, progress=False)
    assert [row["epoch"] for row in history] == list(range(1, 21))
    assert history[-1]["valid_accuracy"] > 0.8
    assert history[-1]["loss"] < history[0]["loss"]
    assert not network.training
    for synapse in network.synapses():
        assert synapse.delay.min() >= 0
        assert synapse.delay.max() <= synapse.max_delay
        assert synapse.sigma.item() == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_parameters():
    states = []
    for seed in (1, 1, 2):
        network = a_network()
        snnsim.fit(network, [timing(32, 0)], epochs=2, seed=seed, progress=False)
        states.append(network.state_dict()["layers.0.synapse.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_probabilities_in_the_place_of_labels():
    frames, labels = timing(64, 0)
    classes = torch.nn.functional.one_hot(labels, 2).float()
    results = []
    for target in (labels, classes, 0.8 * classes + 0.1):
        network = a_network()
        results.append(snnsim.fit(network, [(frames, target)], epochs=3, valid=[(frames, target)], progress=False))
    hard, soft, smooth = results
    for name in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
        assert [row[name] for row in soft] == pytest.approx([row[name] for row in hard], rel=1e-4)
    assert smooth[0]["accuracy"] == hard[0]["accuracy"]
    assert smooth[0]["loss"] != pytest.approx(hard[0]["loss"], rel=1e-3)
    with pytest.raises(ValueError, match=r"probabilities must be \(batch, class\) = \(64, 2\), not \(64, 3\)"):
        snnsim.fit(a_network(), [(frames, torch.ones(64, 3) / 3)], epochs=1, progress=False)


def test_a_loader_with_lengths():
    frames, labels = timing(40, 0)
    lengths = torch.randint(16, 25, (40,), generator=generator())

    def collate(samples):
        frames, labels, lengths = zip(*samples, strict=True)
        return torch.stack(frames, 1), torch.stack(labels), torch.stack(lengths)

    loader = DataLoader(TensorDataset(frames.transpose(0, 1), labels, lengths), batch_size=16, collate_fn=collate)
    (row,) = snnsim.fit(a_network(), loader, epochs=1, progress=False)
    assert row["epoch"] == 1
    assert 0 <= row["accuracy"] <= 1


FRAMES, LABELS = torch.zeros(6, 3, 5), torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("batches", "options", "error", "message"),
    [
        ([], {}, ValueError, "fit: there must be at least one batch"),
        (iter([(FRAMES, LABELS)]), {}, TypeError, "fit: batches must have a length"),
        ([FRAMES], {}, TypeError, "fit: a batch must be"),
        ([(FRAMES, [0, 1, 2])], {}, TypeError, "fit: a batch must be"),
        ([(FRAMES, LABELS)], {"epochs": 0}, ValueError, "fit: epochs must be an integer of at least 1, not 0"),
        ([(FRAMES, LABELS)], {"rule": "adam"}, ValueError, "learning rule 'adam' is unknown"),
        ([(FRAMES, LABELS)], {"decision": "best"}, ValueError, "'best' is unknown"),
        ([(FRAMES, LABELS)], {"lr": float("nan")}, ValueError, "fit: lr must be"),
        ([(FRAMES, LABELS)], {"valid": []}, ValueError, "fit: there must be at least one recording to validate on"),
    ],
)
def test_wrong_batches_are_named(batches, options, error, message):
    network = small_network().float()
    with pytest.raises(error, match=message):
        snnsim.fit(network, batches, **({"epochs": 1, "progress": False} | options))


def test_other_modules_are_refused():
    with pytest.raises(TypeError, match="fit: the network must be a SpikingNetwork, not a Linear"):
        snnsim.fit(torch.nn.Linear(2, 2), [(FRAMES, LABELS)], epochs=1)


def test_a_loss_that_is_not_finite_stops():
    network = small_network().float()
    with pytest.raises(ValueError, match="must stay finite, and one is not in epoch"):
        snnsim.fit(network, [((FRAMES + 1), LABELS)], epochs=5, lr=1e30, progress=False)


def test_options_are_names_or_values():
    states = []
    for optimizer, average in (("adamw", "ema"), (AdamW(), EMA()), (AdamW(clip_norm=0.01), "ema"), ("adamw", None)):
        network = a_network()
        history = snnsim.fit(
            network, [timing(32, 0)], epochs=3, valid=[timing(16, 1)], optimizer=optimizer, delay_optimizer="sgd",
            schedule="plateau", delay_schedule="constant", average=average, label_smoothing=0.1,
            rates=RateBounds(low=0.1), weight_decay=0.1, progress=False,
        )  # fmt: skip
        assert len(history) == 3
        states.append(network.state_dict()["layers.0.synapse.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    # without an average, the network has the parameters of the last step
    assert not torch.equal(states[0], states[3])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schedule": "plateau"}, "fit: the schedule plateau goes by the validation accuracy; pass `valid`"),
        ({"optimizer": "rmsprop"}, "fit: optimizer must be one of adam, adamw, sgd, or one of the classes"),
        ({"average": 3}, "fit: average must be one of ema, mean, None, or one of the classes EMA, Mean"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1, not 1.0"),
        ({"rates": 0.1}, "fit: rates must be one of bounds, None, or one of the classes RateBounds"),
        ({"weight_decay_delay": -1.0}, "weight_decay_delay"),
    ],
)
def test_wrong_options_are_named(values, words):
    with pytest.raises(ValueError, match=words):
        snnsim.fit(a_network(), [timing(8, 0)], epochs=1, progress=False, **values)
