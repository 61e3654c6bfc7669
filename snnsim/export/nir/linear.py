"""The linear nodes of NIR as matrices from their input to their output.

    Affine, Linear    y = W x + b                    Scale       y = s x
    Conv1d, Conv2d    y[o, p] = b[o] + Σ_c,k W[o, c, k] x[c, stride p − padding + dilation k]
    SumPool2d         y[c, p] = Σ_k x[c, stride p − padding + k]      AvgPool2d  that / kernel size
    Flatten           y = x, of another shape

Shapes   x (…), flattened in C order; matrices (output, input); b (output,)
Source   nir 1.0.8; torch.nn has the same equations (an average counts the padding)
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

Numbers = Mapping[str, Any]
Shape = tuple[int, ...]
Transform = tuple[sparse.csr_matrix, np.ndarray | None, Shape]
"""Matrix, bias if there is one, and shape of the output."""
MOST_ENTRIES = 2**27
"""Numbers of one matrix at most; a kernel that slides over a large image needs more than its file has."""


def check_size(count: int, noun: str, most: int = MOST_ENTRIES) -> None:
    """Refuse to build an object that is too large.

    Args:
        count: Its size.
        noun: The unit of the size, for the message.
        most: The largest size.

    Raises:
        ValueError: If it is larger.
    """
    if count > most:
        raise ValueError(f"it would need {count:,} {noun}, and at most {most:,} are made")


def product(one: sparse.csr_matrix, other: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the product of two matrices.

    Args:
        one: The left matrix (row, inner).
        other: The right matrix (inner, column).

    Raises:
        ValueError: If it may have more than MOST_ENTRIES entries.
    """
    needed = int(np.diff(other.indptr)[one.indices].sum(dtype=np.int64))
    check_size(min(needed, one.shape[0] * other.shape[1]), "synapses")
    return one @ other


def matrix(kind: str, numbers: Numbers, shape: Shape) -> Transform:
    """Return the matrix, bias and output shape of a linear node.

    Args:
        kind: The node's type, a name of LINEAR.
        numbers: Its parameters.
        shape: Shape of its input.

    Raises:
        ValueError: If node and input do not fit.
    """
    return LINEAR[kind](numbers, shape)


def _affine(numbers: Numbers, shape: Shape) -> Transform:
    weight = np.asarray(numbers["weight"], np.float64)
    if weight.ndim != 2:
        raise ValueError(f"its weight must be (output, input), not {weight.shape}")
    if weight.shape[1] != math.prod(shape):
        raise ValueError(f"its weight is for {weight.shape[1]} inputs, and its input is {shape}")
    return sparse.csr_matrix(weight), _bias(numbers, weight.shape[0], 1), (weight.shape[0],)


def _scale(numbers: Numbers, shape: Shape) -> Transform:
    scale = np.broadcast_to(np.asarray(numbers["scale"], np.float64), shape).reshape(-1)
    return sparse.csr_matrix(sparse.diags(scale)), None, shape


def _flatten(numbers: Numbers, shape: Shape) -> Transform:
    start, end = (int(numbers.get(name, default)) for name, default in (("start_dim", 1), ("end_dim", -1)))
    last = len(shape) - 1
    start, end = min(start % (last + 1) if start < 0 else start, last), end + last + 1 if end < 0 else min(end, last)
    flat = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    if start < 0 or math.prod(flat) != math.prod(shape):
        raise ValueError(f"its axes from {start} to {end} must be some of {shape}")
    return sparse.csr_matrix(sparse.eye(math.prod(shape))), None, flat


def _conv(numbers: Numbers, shape: Shape) -> Transform:
    weight = np.asarray(numbers["weight"], np.float64)
    over = weight.ndim - 2
    groups = int(_pairs(numbers.get("groups", 1), 1, least=1)[0])
    if len(shape) != over + 1 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"its weight {weight.shape} in {groups} groups is for {weight.shape[1] * groups} channels over {over} "
            f"axes, and its input is {shape}"
        )
    stride, dilation = (_pairs(numbers.get(name, 1), over, least=1) for name in ("stride", "dilation"))
    padding = _padding(numbers.get("padding", 0), weight.shape[2:], dilation)
    weights, out = sliding_matrix(weight, shape, Slide(stride, padding, dilation, groups))
    return weights, _bias(numbers, weight.shape[0], int(np.prod(out[1:]))), out


def _pool(value: Callable[[np.ndarray], float]) -> Callable[[Numbers, Shape], Transform]:
    def pool(numbers: Numbers, shape: Shape) -> Transform:
        if len(shape) != 3:
            raise ValueError(f"it pools (channel, height, width), and its input is {shape}")
        kernel, stride = (_pairs(numbers[name], 2, least=1) for name in ("kernel_size", "stride"))
        padding = _pairs(numbers.get("padding", 0), 2)
        check_size(math.prod(map(int, kernel)) * shape[0], "synapses")
        weight = np.full((shape[0], 1, *kernel), value(kernel))
        slide = Slide(stride, np.stack([padding, padding], 1), np.ones(2, np.int64), shape[0])
        weights, out = sliding_matrix(weight, shape, slide)
        return weights, None, out

    return pool


class Slide(NamedTuple):
    """The way of a kernel over its input."""

    stride: np.ndarray
    """(axis,)."""
    padding: np.ndarray
    """(axis, 2), before and after the input."""
    dilation: np.ndarray
    """(axis,)."""
    groups: int


def sliding_matrix(weight: np.ndarray, shape: Shape, slide: Slide) -> tuple[sparse.csr_matrix, Shape]:
    """Return the matrix of a kernel that slides over an input, and the shape of the output.

    Args:
        weight: The kernel (output channel, input channel of a group, ...).
        shape: Shape of the input (channel, ...).
        slide: Stride, padding, dilation and groups.

    Raises:
        ValueError: If the kernel is larger than the input, or the matrix would be too large.
    """
    stride, padding, dilation, groups = slide
    kernel, inside = np.array(weight.shape[2:]), np.array(shape[1:])
    outside = (inside + padding.sum(1) - dilation * (kernel - 1) - 1) // stride + 1
    if (outside < 1).any():
        raise ValueError(f"its kernel {tuple(kernel)} is larger than its input, {shape}")
    check_size(weight.size * math.prod(map(int, outside)), "synapses")
    position = np.indices(outside).reshape(len(kernel), -1)
    outputs, per_group = weight.shape[:2]
    output, in_group = (index.reshape(-1) for index in np.indices((outputs, per_group)))
    channel = output // (outputs // groups) * per_group + in_group
    rows, columns, values = [], [], []
    for offset in np.ndindex(*kernel):
        source = position * stride[:, None] - padding[:, :1] + (dilation * np.array(offset))[:, None]
        valid = ((source >= 0) & (source < inside[:, None])).all(0)
        start, end = np.ravel_multi_index(source[:, valid], inside), np.flatnonzero(valid)
        rows.append((output[:, None] * position.shape[1] + end).reshape(-1))
        columns.append((channel[:, None] * int(np.prod(inside)) + start).reshape(-1))
        values.append(np.repeat(weight[(slice(None), slice(None), *offset)].reshape(-1), len(end)))
    size = (outputs * position.shape[1], int(np.prod(shape)))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=size), (outputs, *map(int, outside))


def _pairs(value: Any, axes: int, *, least: int = 0) -> np.ndarray:
    """Return a number for each axis, int64 (axis,), of one number for all of them or one for each.

    Raises:
        ValueError: If a number is out of its range.
    """
    numbers = np.asarray(value)
    if (
        numbers.dtype.kind not in "iuf"
        or not ((numbers >= least) & (numbers < 2**31) & (np.rint(numbers) == numbers)).all()
    ):
        raise ValueError(f"its numbers of places must be whole and {least} or more, not {numbers.tolist()}")
    return np.broadcast_to(numbers.astype(np.int64), (axes,))


def _padding(value: Any, kernel: Shape, dilation: np.ndarray) -> np.ndarray:
    if not isinstance(value, str):
        padding = _pairs(value, len(kernel))
        return np.stack([padding, padding], 1)
    total = dilation * (np.array(kernel) - 1) if value == "same" else np.zeros(len(kernel), np.int64)
    if value not in ("same", "valid"):
        raise ValueError(f"its padding must be numbers, 'same' or 'valid', not {value!r}")
    return np.stack([total // 2, total - total // 2], 1)


def _bias(numbers: Numbers, outputs: int, positions: int) -> np.ndarray | None:
    if "bias" not in numbers:
        return None
    bias = np.asarray(numbers["bias"], np.float64).reshape(-1)
    if len(bias) != outputs:
        raise ValueError(f"its bias must be {outputs} numbers, not {len(bias)}")
    return np.repeat(bias, positions) if bias.any() else None


def _one(kernel: np.ndarray) -> float:
    del kernel
    return 1.0


LINEAR: dict[str, Callable[[Numbers, Shape], Transform]] = {
    "Affine": _affine,
    "Linear": _affine,
    "Scale": _scale,
    "Flatten": _flatten,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool(_one),
    "AvgPool2d": _pool(lambda kernel: 1.0 / float(np.prod(kernel))),
}
"""Types of linear nodes, with the function that reads them."""
