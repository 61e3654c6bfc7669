"""Features of pictures: a small network that was trained here to tell their classes, and distances between sets.

    distance² = |μ − ν|² + tr(A + B − 2 (A B)^½)        means μ, ν and covariances A, B of the features of two sets

The distance is that of the features of this network, "feature distance" for short. It is no FID, whose features are
those of another network and of other pictures. The estimate grows with 1 / n: compare sets of equal size.

Shapes   pictures (picture, channel, row, column), values from −1 to 1 · features (picture, FEATURES)
Source   M. Heusel et al. 2017 (NeurIPS): the Fréchet distance of two normal distributions
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from snnsim.experiment.one_step.pictures import Part, Pictures

FEATURES = 32
EPOCHS, BATCH, RATE = 12, 64, 2e-3


class Classifier(nn.Module):
    """Two convolutions, a layer of features, and the classes.

    Args:
        channels: Channels of the pictures.
        classes: Number of classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        )  # fmt: skip
        self.features = nn.Sequential(nn.Linear(64 * 16, FEATURES), nn.ReLU())
        self.scores = nn.Linear(FEATURES, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features, (picture, FEATURES).

        Args:
            pictures: The pictures.
        """
        return cast(Tensor, self.features(self.maps(pictures)))


def trained(part: Part, classes: int, *, seed: int = 0, epochs: int = EPOCHS) -> Classifier:
    """Return a classifier that was trained on pictures.

    Args:
        part: Pictures and labels.
        classes: Number of classes.
        seed: Seed of its parameters and of the order.
        epochs: Number of passes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(part.image.shape[1], classes)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        for _ in tqdm(range(epochs), desc="training a classifier", unit="epoch", leave=False, disable=None):
            for index in torch.split(torch.randperm(len(part.label)), BATCH):
                loss = functional.cross_entropy(network.scores(network(part.image[index])), part.label[index])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
    return network.eval()


@torch.no_grad()
def features(network: Classifier, pictures: Tensor) -> np.ndarray:
    """Return the features of pictures, float64.

    Args:
        network: The classifier.
        pictures: The pictures.
    """
    array: np.ndarray = torch.cat([network(batch) for batch in torch.split(pictures, 512)]).double().numpy()
    return array


@torch.no_grad()
def probabilities(network: Classifier, pictures: Tensor) -> Tensor:
    """Return the probabilities of the classes, (picture, class).

    Args:
        network: The classifier.
        pictures: The pictures.
    """
    return torch.cat([network.scores(network(batch)).softmax(1) for batch in torch.split(pictures, 512)])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the squared Fréchet distance of two sets of features.

    Args:
        one: Features of a set, (picture, feature).
        other: Features of the other set.

    Raises:
        ValueError: If a set has fewer than two pictures.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError(
            f"distance: both sets must have two pictures at least, not {len(one)} and {len(other)}; draw more"
        )
    first, second = (np.cov(each, rowvar=False) for each in (one, other))
    # tr (A B)^½ = tr (A^½ B A^½)^½, and the latter product is symmetric: few pictures make singular covariances
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    means = one.mean(0) - other.mean(0)
    return float(means @ means + np.trace(first) + np.trace(second) - 2 * overlap)


def reference(data: Pictures) -> Classifier:
    """Return the classifier of a data set: seed 0, trained on its training pictures.

    Args:
        data: Pictures with values from −1 to 1.
    """
    return trained(data.train, data.classes)
