"""Three learning rules for one layer of any neuron, and the spike trains of the layer after training.

    backpropagation   through time, from a readout behind the layer, with surrogate slopes; the neurons' own parameters
                      have gradients as the weights do
    stdp              pairs of spikes, sample by sample, with soft bounds; in each sample, the quarter of the neurons
                      with most spikes learns. The layer gets the new weights after every batch. Own parameter: an
                      excitability that moves every neuron towards a rate, b_j ← b_j + η (0.1 − r_j)
    tempotron         a neuron for each class; the error of the highest membrane changes the weights and, along the same
                      membrane, the neurons' own parameters

Shapes   spikes (time, recording, channel) · trains bool (time, recording, neuron) · r_j spikes per step
Differs  from learning/tempotron.py: the membrane of an input is that of the neuron itself, with resets
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from snnsim.experiment.meta.settings import Budget, Trial
from snnsim.experiment.meta.tasks import Part, Task
from snnsim.kernels.common.counter_rng import Draws
from snnsim.learning import decisions, losses, rules, stdp
from snnsim.learning.losses import Batch
from snnsim.nn import LIF, LeakyReadout, LevyBaxter, MetaNeuron, Neuron, SparseLinear
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.parameters import Learn

BATCH = 25
SHARE = 0.1
"""Rate of the neurons of STDP, in spikes per step, to which excitability leads."""
MARGIN = 0.2


class Learned(NamedTuple):
    """A trained layer."""

    trains: Callable[[Part], np.ndarray]
    """Function from recordings to the trains of the layer, random ones where neurons are stochastic."""
    own: Callable[[Part], np.ndarray] | None
    """Function from recordings to the decisions of the rule itself; None for a rule without decisions."""


class Choice(NamedTuple):
    """A neuron, whether its own parameters are learned, and its initial values."""

    neuron: str
    learned: bool
    trial: Trial
    seed: int


def neuron(choice: Choice, *, sources: int, features: int) -> Neuron[Any]:
    """Return the neurons of a layer.

    Args:
        choice: The neuron and its initial values.
        sources: Number of channels.
        features: Number of neurons.
    """
    trial = choice.trial
    learn: Learn = "neuron" if choice.learned else "fixed"
    common: dict[str, Any] = {"tau": trial.tau, "features": features}
    if choice.neuron == "lif":
        return LIF(**common, reset="soft", learn_decay=learn, learn_threshold=choice.learned)
    if choice.neuron == "meta":
        return MetaNeuron(**common, reset="soft", width=trial.chance, learn=learn)
    return LevyBaxter(success=1 - trial.chance, learn=learn, sources=sources)


def layer(choice: Choice, *, sources: int, features: int) -> SpikingLayer:
    """Return a layer whose first weights are a function of the seed.

    Args:
        choice: The neuron and its initial values.
        sources: Number of channels.
        features: Number of neurons.
    """
    generator = torch.Generator().manual_seed(choice.seed)
    synapse = SparseLinear(sources, features, generator=generator)
    with torch.no_grad():
        synapse.weight.mul_(choice.trial.scale)
    return SpikingLayer(synapse, neuron(choice, sources=sources, features=features), norm=None, dropout=0.0)


def backpropagation(task: Task, choice: Choice, budget: Budget) -> Learned:
    """Train a layer and a readout behind it by backpropagation through time.

    Args:
        task: The recordings.
        choice: The neuron and its initial values.
        budget: Numbers of epochs and neurons.
    """
    hidden = layer(choice, sources=task.train.spikes.shape[2], features=budget.hidden)
    behind = SparseLinear(budget.hidden, task.classes, generator=torch.Generator().manual_seed(choice.seed + 1))
    network = SpikingNetwork([hidden], behind, LeakyReadout(tau=10.0))
    optimizer = torch.optim.Adam(network.parameters(), lr=choice.trial.rate)
    generator = torch.Generator().manual_seed(choice.seed)
    for spikes, label in _batches(task.train, budget.epochs, choice.seed):
        optimizer.zero_grad()
        lengths = torch.full((len(label),), len(spikes))
        rules.bptt(network, Batch(spikes, lengths, label, float(len(label))), decisions.mean_membrane, generator)
        optimizer.step()
    network.eval()

    @torch.no_grad()
    def own(part: Part) -> np.ndarray:
        sent = hidden(torch.from_numpy(part.spikes), draws=Draws.of(choice.seed, part.first))
        return np.asarray(network.read(sent)[0].mean(0).argmax(1).numpy())

    return Learned(lambda part: _sent(hidden, part, choice.seed), own)


def tempotron(task: Task, choice: Choice, budget: Budget) -> Learned:
    """Train a neuron for each class by its highest membrane.

    Args:
        task: The recordings.
        choice: The neuron and its initial values.
        budget: Number of epochs.
    """
    classes = layer(choice, sources=task.train.spikes.shape[2], features=task.classes)
    optimizer = torch.optim.Adam(classes.parameters(), lr=choice.trial.rate)
    generator = np.random.default_rng(choice.seed)
    for spikes, label in _batches(task.train, budget.epochs, choice.seed):
        optimizer.zero_grad()
        membrane = _membrane(classes, spikes, Draws.of(int(generator.integers(2**62))))
        loss = losses.highest_membrane(membrane, label, threshold=classes.neuron.firing_threshold(), margin=MARGIN)
        torch.autograd.backward(loss / len(label))
        optimizer.step()
    classes.eval()

    @torch.no_grad()
    def own(part: Part) -> np.ndarray:
        membrane = _membrane(classes, torch.from_numpy(part.spikes), Draws.of(choice.seed, part.first))
        return np.asarray((membrane.amax(0) - classes.neuron.firing_threshold()).argmax(1).numpy())

    return Learned(lambda part: _sent(classes, part, choice.seed), own)


@torch.no_grad()
def by_timing(task: Task, choice: Choice, budget: Budget) -> Learned:
    """Train a layer by the timing of its spikes, without labels.

    Args:
        task: The recordings.
        choice: The neuron and its initial values.
        budget: Numbers of epochs and neurons.
    """
    channels = task.train.spikes.shape[2]
    # excitability is the only learned parameter of the neurons
    hidden = layer(choice._replace(learned=False), sources=channels, features=budget.hidden).eval()
    generator = np.random.default_rng(choice.seed)
    weights = cast(Tensor, hidden.synapse.weight)
    weight, scale = generator.random((budget.hidden, channels)), choice.trial.scale / np.sqrt(channels)
    rule = stdp.STDP(choice.trial.rate, choice.trial.rate, 5.0, 10.0, bounds="soft", pairing="nearest")
    excitability = torch.zeros(budget.hidden)
    for number, (spikes, _) in enumerate(_batches(task.train, budget.epochs, choice.seed)):
        weights.copy_(torch.from_numpy(scale * weight))
        sent = _excited(hidden, spikes, excitability, Draws.of(choice.seed, number * BATCH))
        for sample in range(spikes.shape[1]):
            weight = _after(weight, spikes[:, sample].numpy(), sent[:, sample].numpy(), rule)
        if choice.learned:
            excitability += choice.trial.rate * (SHARE - sent.mean(0)).sum(0)
    weights.copy_(torch.from_numpy(scale * weight))

    def trains(part: Part) -> np.ndarray:
        with torch.no_grad():
            sent = _excited(hidden, torch.from_numpy(part.spikes), excitability, Draws.of(choice.seed, part.first))
        return sent.numpy() > 0

    return Learned(trains, None)


LEARNERS: dict[str, Callable[[Task, Choice, Budget], Learned]] = {
    "backpropagation": backpropagation,
    "stdp": by_timing,
    "tempotron": tempotron,
}


def _after(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, rule: stdp.STDP) -> np.ndarray:
    """Return the weights after a sample; the quarter of the neurons with most spikes has learned."""
    count = post.sum(0)
    best = np.argsort(-count, kind="stable")[: max(1, len(count) // 4)]
    changed = weight.copy()
    changed[best] = stdp.stdp(weight[best], pre, post[:, best], rule)
    return changed


def _batches(part: Part, epochs: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = np.random.default_rng((seed, 5))
    for _ in range(epochs):
        order = generator.permutation(len(part.label))
        for begin in range(0, len(order), BATCH):
            index = order[begin : begin + BATCH]
            yield torch.from_numpy(part.spikes[:, index]), torch.from_numpy(part.label[index])


def _excited(layer: SpikingLayer, spikes: Tensor, excitability: Tensor, draws: Draws) -> Tensor:
    current = layer.current(spikes, draws=draws) + excitability
    output: Tensor = layer.neuron(current, draws=draws)
    return output


def _membrane(layer: SpikingLayer, spikes: Tensor, draws: Draws) -> Tensor:
    membrane: Tensor = layer.neuron.trace(layer.current(spikes, draws=draws), draws=draws)[1]
    return membrane


@torch.no_grad()
def _sent(layer: SpikingLayer, part: Part, seed: int) -> np.ndarray:
    return np.asarray(layer(torch.from_numpy(part.spikes), draws=Draws.of(seed, part.first)).numpy() > 0)
