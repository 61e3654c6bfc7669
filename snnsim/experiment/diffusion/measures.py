"""Measures of drawn pictures, beside those of real ones and of noise, and costs of the network that draws them.

distance     feature distance to the pictures that validate; `floor` that of as many training pictures, `noise` that
             of noise with the mean and deviation of the pictures
confidence   mean largest probability that the classifier gives; `entropy` of its classes over all pictures, in bits
nearest      median distance to the nearest training picture, divided by that of pictures that validate: far below
             1, pictures are copies
learned      accuracy on validating pictures of a classifier trained on drawn pictures alone, which needs a network
             that draws chosen classes
energy       of one evaluation of the network, means over steps of diffusion
"""

from typing import Any

import torch
from torch import Tensor, nn

from snnsim.conversion import costs
from snnsim.experiment.diffusion import features
from snnsim.experiment.diffusion.features import Classifier
from snnsim.experiment.diffusion.sampling import Trained
from snnsim.experiment.one_step.pictures import Part, Pictures

COUNTED_STEPS = 5
"""Steps of diffusion whose costs are counted."""
_COUNTED_PICTURES = 32


class AtStep(nn.Module):
    """A network at one step of diffusion, as a function of pictures alone.

    Args:
        network: Network of pictures, steps and classes.
        step: Step of diffusion.
        label: Class of all pictures.
    """

    def __init__(self, network: nn.Module, step: int, label: int = 0) -> None:
        super().__init__()
        self.network, self.step, self.label = network, step, label

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the noise of pictures.

        Args:
            pictures: The pictures.
        """
        zero = pictures[:, 0, 0, 0] * 0
        result: Tensor = self.network(pictures, zero + self.step, (zero + self.label).long())
        return result


def of_pictures(drawn: Tensor, data: Pictures, classifier: Classifier) -> dict[str, float]:
    """Return the measures of drawn pictures.

    Args:
        drawn: The pictures.
        data: The real pictures.
        classifier: The classifier of the real pictures.
    """
    count = min(len(drawn), len(data.valid.label), len(data.train.label))
    real = features.features(classifier, data.valid.image[:count])
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(data.train.label), generator=generator)[:count]
    training = data.train.image[chosen]
    noise = torch.randn(drawn[:count].shape, generator=generator) * training.std() + training.mean()
    likely = features.probabilities(classifier, drawn)
    share = torch.bincount(likely.argmax(1), minlength=data.classes).double() / len(drawn)
    return {
        "pictures": count,
        "distance": features.distance(features.features(classifier, drawn[:count]), real),
        "floor": features.distance(features.features(classifier, training), real),
        "noise": features.distance(features.features(classifier, noise.clamp(-1, 1)), real),
        "confidence": float(likely.amax(1).mean()),
        "entropy": float(-(share * share.clamp(min=1e-12).log2()).sum()),
        "nearest": _nearest(drawn[:count], data.train.image) / _nearest(data.valid.image[:count], data.train.image),
    }


def _nearest(pictures: Tensor, training: Tensor) -> float:
    """Return the median distance to the nearest training picture."""
    nearest = [torch.cdist(batch.flatten(1), training.flatten(1)).amin(1) for batch in torch.split(pictures, 256)]
    return float(torch.cat(nearest).median())


def learned_from(drawn: Tensor, data: Pictures) -> float:
    """Return the accuracy on real pictures of a classifier that has seen drawn ones alone.

    Args:
        drawn: Pictures of chosen classes, in turn from class 0 on.
        data: The real pictures.
    """
    label = torch.arange(len(drawn)) % data.classes
    return accuracy(features.trained(Part(drawn, label), data.classes), data)


def accuracy(network: Classifier, data: Pictures) -> float:
    """Return the accuracy of a classifier on the validating pictures.

    Args:
        network: The classifier.
        data: The real pictures.
    """
    return float((features.probabilities(network, data.valid.image).argmax(1) == data.valid.label).float().mean())


def of_network(trained: Trained) -> dict[str, Any]:
    """Return operations, multiplications, spikes and energy of an evaluation of the network for one picture.

    Args:
        trained: A trained run.
    """
    generator = torch.Generator().manual_seed(0)
    image = trained.data.valid.image[:_COUNTED_PICTURES]
    noise, steps = torch.randn(image.shape, generator=generator), trained.diffusion.chosen(COUNTED_STEPS)
    counted = []
    for step in steps:
        noisy = trained.diffusion.noisy(image, noise, torch.full((len(image),), step))
        counted.append(costs.count(AtStep(trained.network, step), noisy)[1])
    names = ("multiplications", "operations", "spikes_per_neuron", "energy_nj")
    return {name: sum(getattr(each, name) for each in counted) / len(counted) for name in names}
