"""The score function: an unbiased gradient through neurons that fire by chance, to compare straight-through ones with.

    ∇ E[L] = E[∇ L(s)] + E[(L(s) − c) ∇ ln P(s)]        ln P(s) = Σ_layers Σ_t Σ_j ln P(s[t, j] | what came before)

What is sent is a number like any other: ∇ L reaches the readout and its synapse, ∇ ln P all others. For each recording
c is the mean loss of the others, so that it is independent of this one's spikes.

Source   Williams 1992, Machine Learning 8:229; leave-one-out baseline: Kool, van Hoof, Welling 2019
Differs  bptt has a bias, by the sigmoid's derivative; this has a variance that grows with steps and neurons, and
         serves comparison, not training. In training mode a batch norm lets recordings see each other, and that part
         of the gradient is left out; without one it is exact in the mean
"""

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.learning.chunked import windows_of
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult
from snnsim.nn import MetaNeuron, dropout
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.network import SpikingNetwork


def score(network: SpikingNetwork, batch: Batch, decide: Decision, generator: torch.Generator | None) -> StepResult:
    """Backpropagate the mean loss of a decision by the score function, and return what was seen."""
    for number, layer in enumerate(network.layers, start=1):
        if not isinstance(layer.neuron, MetaNeuron) or layer.channels is not None:
            raise TypeError(
                f"score: the neurons of 'hidden {number}' must be MetaNeuron behind a synapse that is no convolution, "
                f"not {type(layer.neuron).__name__} behind {type(layer.synapse).__name__}"
            )
    valid = network.valid(batch.lengths)
    (spikes,) = windows_of(network, batch, len(batch.frames) + network.extra_steps)
    counted, likelihood = valid_steps(valid, len(spikes))[..., None], 0.0
    for layer in network.layers:
        drive = layer.drive(layer.current(spikes), valid)
        sent, found = _fired(layer.neuron, drive, generator)
        likelihood = likelihood + (found * counted).sum((0, 2))
        spikes = layer.dropout(sent, generator)
    scores = decide(network.readout(network.synapse(spikes)), valid)
    loss = functional.cross_entropy(scores, batch.labels, reduction="none")
    ((loss + _less_the_others(loss.detach()) * likelihood).sum() / batch.whole).backward()
    return StepResult(loss.sum(), scores).detached()


def _fired(neuron: MetaNeuron, drive: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Return what is sent, and ln P of it."""
    with torch.no_grad():
        sent = neuron(drive, draws=dropout.drawn(neuron, None, generator))
    return sent, neuron.log_likelihood(drive, sent)


def _less_the_others(loss: Tensor) -> Tensor:
    others = (loss.sum() - loss) / max(1, len(loss) - 1)
    return loss - others
