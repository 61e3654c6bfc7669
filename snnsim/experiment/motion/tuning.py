"""Tuning curves: accuracy of a trained layer on Motion Clouds and gratings whose properties vary one at a time.

    frequency       Motion Clouds of all orientations, mean frequency from coarse to fine
    grating         one frequency, stripes perpendicular to the motion, or of any orientation (aperture problem)
    orientation     Motion Clouds with stripes at an angle to the motion
    bandwidth       Motion Clouds whose waves have speeds of their own around that of the motion
    speed           photographs at speeds between and beyond those of the classes: the mean speed of the decisions,
                    and the share of decisions for the nearest class and the right direction

Units    frequency in cycles per pixel, angles in degrees, speeds in pixels per ms
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from snnsim.data.event_camera import motion, probes
from snnsim.data.event_camera.motion import Motions
from snnsim.data.event_camera.probes import Waves
from snnsim.experiment.motion import measures, movies
from snnsim.experiment.motion.settings import Budget
from snnsim.nn.logistic_conv import LogisticConv

FREQUENCIES = (0.03, 0.06, 0.09, 0.125, 0.18, 0.25, 0.35)
ANGLES = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
ORIENTATIONS = ("perpendicular", "any")
BANDWIDTHS = (0.0, 0.1, 0.2, 0.4, 0.8)
SPEEDS = (0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83)
_MIDDLE = 0.125
Draw = Callable[[float, np.random.Generator], Waves]
Row = dict[str, Any]


def curves(layer: LogisticConv, budget: Budget, *, seed: int) -> dict[str, list[Row]]:
    """Return all tuning curves, each a list of rows.

    Args:
        layer: The layer.
        budget: Sizes of movies, and the number of movies of a condition.
        seed: Seed of the textures.
    """
    conditions: dict[str, tuple[str, dict[Any, Draw]]] = {
        "frequency": ("frequency", {each: partial(_cloud, frequency=each) for each in FREQUENCIES}),
        "grating": ("orientation", {name: partial(_grating, orientation=name) for name in ORIENTATIONS}),
        "orientation": ("angle", {each: partial(_oblique, angle=each) for each in ANGLES}),
        "bandwidth": ("bandwidth", {each: partial(_cloud, bandwidth=each) for each in BANDWIDTHS}),
    }
    rows = {
        name: [{variable: value, **_probed(layer, budget, draw, seed)} for value, draw in draws.items()]
        for name, (variable, draws) in conditions.items()
    }
    return rows | {"speed": speeds(layer, budget, seed=seed)}


def _cloud(
    _: float, generator: np.random.Generator, *, frequency: float = _MIDDLE, bandwidth: float = 0.0
) -> Waves:  # fmt: skip
    return probes.motion_cloud(frequency, generator, speed_bandwidth=bandwidth)


def _grating(direction: float, generator: np.random.Generator, *, orientation: str) -> Waves:
    angle = direction if orientation == "perpendicular" else 360 * generator.random()
    return probes.grating(_MIDDLE, angle, generator)


def _oblique(direction: float, generator: np.random.Generator, *, angle: float) -> Waves:
    side = generator.choice([-1, 1])
    return probes.motion_cloud(_MIDDLE, generator, octaves=0.5, direction=direction + side * angle, spread=7.5)


def _probed(layer: LogisticConv, budget: Budget, draw: Draw, seed: int) -> dict[str, float]:
    """Return the accuracy of class, direction and speed on textures."""
    generator = np.random.default_rng((seed, 7))
    recipe = budget.recipe()
    motions = recipe.motions
    label = motion.segments(budget.probes, budget.steps, motions, generator, mean=None)
    direction = 360 / motions.directions * (label[:, 0] // len(motions.speeds))
    scenes = [draw(float(each), generator) for each in direction]
    settings: dict[str, Any] = {"motions": motions, "side": recipe.side, "camera": recipe.camera}
    filmed = motion.film(scenes, label, **settings, generator=generator)
    return _compared(_decided(layer, filmed), label[:, 0], motions) | {"events": float(filmed.events.mean())}


def _decided(layer: LogisticConv, filmed: motion.Movies) -> np.ndarray:
    data = movies.tensors(filmed.events, filmed.label)
    logs = measures.decide(layer, data.events, before=layer.synapse.max_delay)
    decided: np.ndarray = logs.sum(0).argmax(-1).numpy()
    return decided


def _compared(decided: np.ndarray, wanted: np.ndarray, motions: Motions) -> dict[str, float]:
    count = len(motions.speeds)
    return {
        "accuracy": float((decided == wanted).mean()),
        "direction": float((decided // count == wanted // count).mean()),
        "speed": float((decided % count == wanted % count).mean()),
    }


def speeds(layer: LogisticConv, budget: Budget, *, seed: int) -> list[Row]:
    """Return the decisions on photographs at speeds between and beyond those of the classes.

    Args:
        layer: The layer.
        budget: Sizes of movies, and the number of movies of a condition.
        seed: Seed of the movies.
    """
    recipe, rows = budget.recipe(), []
    images = motion.pictures(recipe.images, "test", fold=recipe.fold, seed=seed)
    known = np.array(recipe.motions.speeds)
    for speed in SPEEDS:
        generator = np.random.default_rng((seed, 8))
        one = replace(recipe.motions, speeds=(speed,))
        # a fast motion leaves a photograph soon: movies are as long as the slowest path of a class allows
        label = motion.segments(budget.probes, _steps(budget, speed, float(known.max())), one, generator, mean=None)
        scenes = [images[number] for number in generator.integers(len(images), size=budget.probes)]
        settings: dict[str, Any] = {"motions": one, "side": recipe.side, "camera": recipe.camera}
        filmed = motion.film(scenes, label, **settings, generator=generator)
        decided = _decided(layer, filmed)
        count = len(known)
        shares = {f"share {each:g}": float((decided % count == number).mean()) for number, each in enumerate(known)}
        mean = float(np.exp(np.log(known[decided % count]).mean()))
        direction = float((decided // count == label[:, 0]).mean())
        rows.append({"speed": speed, "mean": mean, "direction": direction, **shares})
    return rows


def _steps(budget: Budget, speed: float, fastest: float) -> int:
    return max(budget.max_delay + budget.clip_steps, int(budget.steps * min(1.0, fastest / speed)))
