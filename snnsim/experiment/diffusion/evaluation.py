"""Evaluation of a run: measures of drawn pictures and costs of the network, written beside the run."""

from pathlib import Path
from typing import Any

from snnsim.experiment.diffusion import features, measures, sampling
from snnsim.experiment.diffusion.features import Classifier
from snnsim.experiment.diffusion.sampling import Sampler
from snnsim.training.run_folder import RunFolder


def evaluate(
    run: Path, count: int, sampler: Sampler, *, threshold: float = 1.0, classifier: Classifier | None = None
) -> dict[str, Any]:
    """Return the measures of a run.

    Args:
        run: Folder of the run.
        count: Number of drawn pictures.
        sampler: How they are drawn.
        threshold: Factor of the thresholds of all neurons.
        classifier: Classifier of the real pictures; None trains it.
    """
    trained = sampling.load(run, threshold=threshold)
    drawn = sampling.draw(trained, count, sampler)
    classifier = classifier or features.reference(trained.data)
    result = {
        "sampler": sampler.name, "steps": sampler.steps, "seed": sampler.seed, "threshold": threshold,
        **measures.of_pictures(drawn, trained.data, classifier), **measures.of_network(trained),
    }  # fmt: skip
    if trained.settings.conditional and sampler.label is None:
        result["learned"] = measures.learned_from(drawn, trained.data)
        result["learned_from_real"] = measures.accuracy(classifier, trained.data)
    return result


def write(run: Path, result: dict[str, Any]) -> Path:
    """Write the result of `evaluate` into the folder of the run, and return the file.

    Args:
        run: Folder of the run.
        result: The result.
    """
    folder = RunFolder(run)
    path = folder.evaluation("drawn")
    folder.write_json(path, result)
    return path
