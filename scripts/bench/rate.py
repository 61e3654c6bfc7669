"""Recurrent rate networks: a training step of the compiled loops beside a loop in torch, and the gradients of both.

A step is forward and backward from the last state to all parameters, without data and optimizer. The published size
is 500 units and batches of 256; N = 11 has 29 steps on average, N = 30 has 77. The matrix products of a step are timed
alone for comparison: forward, backward and gradient of the weights take as many operations in both loops.

Times are taken in turns in one process after a warm-up; a ratio is the median over turns.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from common import run_sizes
from torch import Tensor

from snnsim.bench import tables, timing
from snnsim.kernels.rate.autograd import Shape, by_steps, run

SIZES = {
    "500 units, batch 256, 29 steps": (29, 256, 500),
    "128 units, batch 128, 29 steps": (29, 128, 128),
    "64 units, batch 64, 77 steps": (77, 64, 64),
    "32 units, batch 32, 77 steps": (77, 32, 32),
    "16 units, batch 16, 77 steps": (77, 16, 16),
    "8 units, batch 8, 152 steps": (152, 8, 8),
}
SHAPE = Shape(0.01, True)
COMPILED, TORCH, PRODUCTS = "compiled", "loop in torch", "products alone"


def arguments_of(steps: int, batch: int, units: int) -> list[Tensor]:
    """Return currents, initial states, weights and leaks.

    Args:
        steps: Number of steps.
        batch: Number of sequences.
        units: Number of units.
    """
    generator = torch.Generator().manual_seed(0)
    external = torch.randn(steps, batch, units, generator=generator).requires_grad_()
    weight = (torch.randn(units, units, generator=generator) / units**0.5 / 2).requires_grad_()
    leak = (0.5 + torch.rand(units, generator=generator) / 2).requires_grad_()
    return [external, torch.rand(batch, units, generator=generator), weight, leak]


def gradients(function: Callable[..., Tensor], values: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients of the sum of the last states.

    Args:
        function: Function from the values and a shape to the states.
        values: Currents, initial states, weights and leaks.
    """
    learned = [value for value in values if value.requires_grad]
    return torch.autograd.grad(function(*values, SHAPE)[-1].sum(), learned)


def products(values: list[Tensor]) -> None:
    """Compute as many matrix products as a training step does.

    Args:
        values: Currents, initial states, weights and leaks.
    """
    external, state, weight = (value.detach() for value in values[:3])
    result = torch.empty_like(state)
    for _ in range(2 * len(external)):
        torch.mm(state, weight, out=result)
    flat = external.flatten(0, 1)
    torch.mm(flat.T, flat)


def difference(values: list[Tensor]) -> float:
    """Return the largest difference of the gradients, of the largest one of each parameter.

    Args:
        values: Currents, initial states, weights and leaks.
    """
    pairs = zip(gradients(run, values), gradients(by_steps, values), strict=True)
    return max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)


def measured(name: str, repeats: int, loops: int) -> dict[str, Any]:
    """Return seconds by candidate, and the difference of the gradients.

    Args:
        name: A size in SIZES.
        repeats: Number of turns.
        loops: Calls of a turn, for the largest size; smaller sizes take more.
    """
    steps, batch, units = SIZES[name]
    values = arguments_of(steps, batch, units)
    works: dict[str, Callable[[], object]] = {
        COMPILED: partial(gradients, run, values),
        TORCH: partial(gradients, by_steps, values),
        PRODUCTS: partial(products, values),
    }
    more = max(1, int(29 * 256 * 500**2 / (steps * batch * units * (units + 500))))
    samples = timing.in_turns(works, repeats=repeats, loops=loops * min(more, 20))
    return {"size": name, "seconds": samples, "difference": difference(values)}


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every size.

    Args:
        results: Size, seconds and difference.
    """
    rows = []
    for result in results:
        samples, steps = result["seconds"], SIZES[result["size"]][0]
        faster = tables.times(timing.ratio(samples[COMPILED], samples[TORCH]))
        share = f"{100 * timing.ratio(samples[COMPILED], samples[PRODUCTS]):.0f} %"
        rate = f"{steps / median(samples[COMPILED]):,.0f}"
        cells = [f"{1000 * median(samples[name]):.2f}" for name in (COMPILED, TORCH)]
        rows.append((result["size"], *cells, faster, rate, share, f"{result['difference']:.1e}"))
    head = ("size", "compiled, ms", "torch, ms", "torch / compiled", "steps/s", "products", "difference of gradients")
    return tables.table(head, rows)


if __name__ == "__main__":
    run_sizes(__doc__, SIZES, measured, shown, json="figures/bench-rate.json", names=[])
