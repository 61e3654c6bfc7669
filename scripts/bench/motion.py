"""A layer over space and delays on a recording: event by event, in frequency, and torch's conv3d.

    recording   evidence of 36 classes for one movie, without gradients: time, operations, and whether the spikes of a
                threshold are the same
    step        forward and backward pass to the kernel, as in training

The movie shows generated images (dead leaves) through the event camera, 36 motions in turn. Kernels have the published
size, 36 x 2 x 21 x 17 x 17, unless --kernel and --delays name others. Times are taken in turns in one process after a
warm-up; a ratio is the median over turns of conv3d / snnsim. Operations of the dense form are all products of taps and
positions, those of the events the products that events reach.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from common import measurement_parser, write
from torch import Tensor

from snnsim.bench import tables, timing
from snnsim.data.synthetic import motion
from snnsim.data.synthetic.motion import Recipe
from snnsim.kernels.delay.conv_forms import FORMS
from snnsim.kernels.delay.event_conv import ConvGeometry
from snnsim.nn.logistic_conv import threshold_for_rate, winner_spikes

CLASSES = 36
BASELINE = "time"
RATE_HZ = 1.0


def recording(options: argparse.Namespace, threshold: float) -> Tensor:
    """Return the events of a movie, float32 (time, 1, neuron).

    Args:
        options: Side and steps of the movie.
        threshold: Threshold of the camera, which sets how many events there are.
    """
    camera = motion.EventCamera(threshold=threshold, spread=0.1, shot_hz=1.0)
    recipe = Recipe(side=options.side, steps=options.steps, images="dead-leaves", camera=camera)
    events = motion.movies("test", 0, recipe, 1).events
    raster = events.transpose(1, 0, 3, 4, 2).reshape(options.steps, 1, -1)
    return torch.from_numpy(np.ascontiguousarray(raster)).float()


def measured(options: argparse.Namespace, threshold: float) -> dict[str, Any]:
    """Return times, operations and equality of spikes at one density of events.

    Args:
        options: Sizes, and numbers of turns.
        threshold: Threshold of the camera.
    """
    spikes = recording(options, threshold)
    geometry = ConvGeometry(options.side, options.side, 2, 0, 0)
    generator = torch.Generator().manual_seed(0)
    shape = options.delays, options.kernel, options.kernel, 2, CLASSES
    kernel = 0.1 * torch.randn(shape, generator=generator)
    with torch.no_grad():
        forward: dict[str, Callable[[], object]] = {
            name: partial(form, spikes, kernel, geometry) for name, form in FORMS.items()
        }
        seconds = timing.in_turns(forward, repeats=options.repeats, loops=options.loops)
        evidence = {name: work() for name, work in forward.items()}
    steps = {name: partial(step, form, spikes, kernel, geometry) for name, form in FORMS.items()}
    return {
        "threshold": threshold,
        "density": float(spikes.mean()),
        "operations": operations(spikes, kernel, geometry),
        "spikes": compared(evidence),
        "recording": times(seconds),
        "step": times(timing.in_turns(steps, repeats=options.repeats, loops=options.loops)),
    }


def step(form: Callable[..., Tensor], spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor | None:
    """Return the gradient of the kernel for the mean of the squared evidence.

    Args:
        form: A form of the convolution.
        spikes: Events (time, 1, neuron).
        kernel: The kernel.
        geometry: Sizes of the field.
    """
    trained = kernel.detach().requires_grad_()
    form(spikes, trained, geometry).square().mean().backward()
    return trained.grad


def operations(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> dict[str, int]:
    """Return the number of products of both forms: dense, and of the events.

    Args:
        spikes: Events (time, 1, neuron).
        kernel: The kernel.
        geometry: Sizes of the field.
    """
    outputs = int(np.prod(geometry.outputs(len(spikes), *kernel.shape[1:3])))
    # each event reaches a class at a position once for each tap: the current of a kernel of ones counts them
    reached = FORMS["events"](spikes, torch.ones(*kernel.shape[:4], 1), geometry)
    return {"dense": outputs * kernel.numel(), "events": int(reached.double().sum()) * kernel.shape[4]}


def compared(evidence: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the number of spikes of each form, and how many differ from those of conv3d.

    Args:
        evidence: Evidence of each form.
    """
    threshold = threshold_for_rate(evidence[BASELINE], RATE_HZ, time_step_ms=1.0)
    spikes = {name: winner_spikes(values, threshold) for name, values in evidence.items()}
    return {
        name: {"count": int(each.sum()), "different": int((each != spikes[BASELINE]).sum())}
        for name, each in spikes.items()
    }


def times(seconds: timing.Samples) -> dict[str, Any]:
    """Return the samples and the ratios to conv3d.

    Args:
        seconds: Seconds of each form in each turn.
    """
    ratios = {name: timing.ratio(own, seconds[BASELINE]) for name, own in seconds.items() if name != BASELINE}
    return {"seconds": seconds, "ratios": ratios}


def main() -> None:
    """Measure, print a table, and write the figures."""
    parser = measurement_parser(__doc__, json="figures/bench-motion.json")
    parser.add_argument("--side", type=int, default=64, help="rows and columns of the movie")
    parser.add_argument("--steps", type=int, default=60, help="steps of the movie")
    parser.add_argument("--kernel", type=int, default=17, help="rows and columns of the kernel")
    parser.add_argument("--delays", type=int, default=21, help="steps of delay of the kernel")
    parser.add_argument("--thresholds", type=float, nargs="+", default=[1.0, 1.6, 2.4], help="thresholds of the camera")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = [measured(options, threshold) for threshold in options.thresholds]
    write(options.json, {"options": {**vars(options), "json": str(options.json)}, "results": results}, names=[], seed=0)
    head = ("events (%)", "operations", "recording", "in frequency", "step", "step, frequency", "different spikes")
    rows = []
    for result in results:
        operation, one, both = result["operations"], result["recording"]["ratios"], result["step"]["ratios"]
        shown = [one["events"], one["frequency"], both["events"], both["frequency"]]
        less = operation["dense"] / max(1, operation["events"])
        different = result["spikes"]["events"]["different"]
        rows.append((f"{100 * result['density']:.2f}", f"{less:.1f}x less", *(f"{x:.1f}x" for x in shown), different))
    print(tables.table(head, rows))


if __name__ == "__main__":
    main()
