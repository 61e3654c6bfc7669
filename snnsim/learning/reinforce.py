"""The score function (REINFORCE): an unbiased gradient through stochastic neurons, the yardstick of straight-through.

    ∇ E[L] = E[∇ L(s)] + E[(L(s) − c) ∇ ln P(s)]        ln P(s) = Σ_layers Σ_t Σ_j ln P(s[t, j] | spikes before)

Spikes are constants: ∇ L reaches the readout and its synapse, ∇ ln P all other parameters. For each recording, c is the
mean loss of the others, which is independent of the recording's spikes.

No training rule calls `score`; it is a reference to compare the gradient of `bptt` with.

Source   Williams 1992, Machine Learning 8:229; leave-one-out baseline: Kool, van Hoof, Welling 2019
Differs  bptt has a bias, from the derivative of the sigmoid; the score function has a variance that grows with steps
         and neurons. In training mode a batch norm couples recordings, and the gradient leaves that part out; without
         batch norm its mean is exact
"""

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.learning.chunked import chunks_of
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult, checked_target
from snnsim.nn import MetaNeuron
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.dropout import neuron_draws
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork


def score(network: SpikingNetwork, batch: Batch, decide: Decision, generator: torch.Generator | None) -> StepResult:
    """Backpropagate the mean loss of a decision by the score function.

    Args:
        network: A network of MetaNeurons that draw spikes, without convolutions, recurrent or skip connections.
        batch: The recordings.
        decide: The decision.
        generator: Generator of dropout and draws.

    Returns:
        The summed loss and the scores, without gradients.

    Raises:
        TypeError: If a layer has other neurons, or a convolution.
        ValueError: If there are recurrent, feedback or skip connections.
    """
    if network.has_loops or len(network.skips):
        raise ValueError(
            "score: the network must have no recurrent, feedback or skip connections, and has some; take bptt for it"
        )
    neurons = [_meta_neuron(layer, number) for number, layer in enumerate(network.layers, start=1)]
    head, valid = network.single_readout("score"), network.valid(batch.lengths)
    (spikes,) = chunks_of(network, batch, len(batch.frames) + network.extra_steps)
    counted = valid_steps(valid, len(spikes))[..., None]
    likelihood = torch.zeros(())
    for layer, neuron in zip(network.layers, neurons, strict=True):
        current = layer.normalized_current(layer.current(spikes), valid)
        with torch.no_grad():
            sent = neuron(current, draws=neuron_draws(neuron, None, generator))
        likelihood = likelihood + (neuron.log_likelihood(current, sent) * counted).sum((0, 2))
        spikes = layer.dropout(sent, generator)
    scores = decide(head.readout(head.synapse(spikes)), valid)
    loss = functional.cross_entropy(scores, checked_target(batch.target, scores), reduction="none")
    objective = (loss + _less_mean_of_others(loss.detach()) * likelihood).sum() / batch.normalizer
    objective.backward()  # type: ignore[no-untyped-call]
    return StepResult(loss.sum(), scores).detached()


def _meta_neuron(layer: SpikingLayer, number: int) -> MetaNeuron:
    """Return the neurons of a layer.

    Raises:
        TypeError: If they are no MetaNeuron that draws spikes, or the synapse is a convolution.
    """
    neuron = layer.neuron
    if not isinstance(neuron, MetaNeuron) or not neuron.is_stochastic or layer.channels is not None:
        drawn = " without draws" if isinstance(neuron, MetaNeuron) and not neuron.is_stochastic else ""
        raise TypeError(
            f"score: the neurons of 'hidden {number}' must be MetaNeuron that draws spikes, behind a synapse that is "
            f"no convolution, not {type(neuron).__name__}{drawn} behind {type(layer.synapse).__name__}"
        )
    return neuron


def _less_mean_of_others(loss: Tensor) -> Tensor:
    others = (loss.sum() - loss) / max(1, len(loss) - 1)
    return loss - others
