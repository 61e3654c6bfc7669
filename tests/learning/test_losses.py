"""The loss of the highest membrane has the Tempotron's rule for its gradient."""

import torch

from snnsim.learning import losses
from snnsim.nn import LIF


def test_gradient_is_the_potential_of_each_input_at_the_highest_membrane():
    """Of neurons that are wrong: ∓ Σ β^(t_max − t) s[t] where no spike has reset them; of the others 0."""
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(30, 4, 5, generator=generator) < 0.15).double()
    weight = (0.1 * torch.rand(3, 5, generator=generator)).double().requires_grad_()
    labels, threshold = torch.tensor([0, 1, 2, 0]), torch.tensor(0.3)
    neuron = LIF(beta=0.8, threshold=100.0)
    membrane = neuron.trace(spikes @ weight.T)[1]
    losses.highest_membrane(membrane, labels, threshold=threshold).backward()
    wanted = torch.zeros_like(weight)
    wrong = 0
    for b in range(4):
        for j in range(3):
            when = int(membrane[:, b, j].argmax())
            fires = bool(membrane[when, b, j] > threshold)
            if fires != (int(labels[b]) == j):
                wrong += 1
                course = sum(0.8 ** (when - t) * spikes[t, b] for t in range(when + 1))
                wanted[j] += course if fires else -course
    assert 2 < wrong < 10
    torch.testing.assert_close(weight.grad, wanted)


def test_margin_raises_the_required_peak():
    membrane = torch.tensor([[[0.5, 1.3]], [[1.1, 0.2]]])
    loss = losses.highest_membrane(membrane, torch.tensor([0]), threshold=torch.tensor(1.0), margin=0.2)
    # 1.1 is to reach 1.2, and 1.3 to stay below 0.8
    torch.testing.assert_close(loss, torch.tensor(0.1 + 0.5))
