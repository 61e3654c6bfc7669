"""The graph of a network that torch.fx can trace, and what conversion knows about each of its nodes.

A network of torch.nn.Sequential, or a module whose forward calls modules and functions without branches on values, is
a graph of nodes: its input, calls of modules and functions, its output. A node is

    linear        Conv1d, Conv2d, Linear: kept; a batch norm behind it is folded into it
    normalization BatchNorm1d, BatchNorm2d: folded
    activation    ReLU, QCFS: replaced by neurons
    passing       average pooling, flattening, dropout, addition, the identity: the same for spikes
    refused       everything else; `problems` names each, with the reason
"""

import copy
import operator
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from snnsim import validation
from snnsim.conversion.qcfs import QCFS
from snnsim.nn.folded import Folded
from snnsim.nn.protocols import Neuron

LINEAR = (nn.Conv1d, nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ACTIVATIONS = (nn.ReLU, QCFS)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)
PASSING = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, *DROPOUTS)
_RELU = {functional.relu, torch.relu, "relu"}
_ADD = {operator.add, torch.add, "add"}
_PASSING = {torch.flatten, "flatten", functional.avg_pool2d, functional.adaptive_avg_pool2d}
_REASONS = {
    nn.MaxPool1d: "the largest of several spike trains is no sum of spikes; take AvgPool1d, and train again",
    nn.MaxPool2d: "the largest of several spike trains is no sum of spikes; take AvgPool2d, and train again",
    functional.max_pool2d: "the largest of several spike trains is no sum of spikes; take avg_pool2d, and train again",
    nn.LayerNorm: "it divides by statistics of its own input, which no weight can stand for; take BatchNorm",
    nn.GroupNorm: "it divides by statistics of its own input, which no weight can stand for; take BatchNorm",
    nn.InstanceNorm2d: "it divides by statistics of its own input, which no weight can stand for; take BatchNorm",
    operator.mul: "a product of activations is no sum of spikes; take a sum",
    torch.mul: "a product of activations is no sum of spikes; take a sum",
}
_OTHER = (
    "it is none of Conv1d, Conv2d, Linear, BatchNorm, ReLU, QCFS, average pooling, Flatten, Dropout and sums; the rate "
    "of a neuron is a clipped ReLU, so take these, and train again"
)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = isinstance(m, Folded | Neuron | QCFS)
        # containers of snnsim, such as Residual, are traced through
        return own or (super().is_leaf_module(m, module_qualified_name) and not isinstance(m, nn.Sequential))


def trace(network: nn.Module, *, who: str) -> fx.GraphModule:
    """Return a copy of a network as a graph, in its present mode.

    Args:
        network: A module, or a graph that was traced before.
        who: Name of the function or class that was called, for the message.

    Raises:
        TypeError: If the network is no module.
        ValueError: If torch.fx cannot trace it.
    """
    validation.instance(network, nn.Module, who=who, name="network")
    owned = copy.deepcopy(network)
    try:
        graph = _Tracer().trace(owned)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"{who}: torch.fx must be able to trace {type(network).__name__}, without branches on values of tensors; "
            f"it says: {error}"
        ) from error
    graph_module = fx.GraphModule(owned, graph)
    graph_module.train(network.training)
    return graph_module


def module_of(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, or None.

    Args:
        graph: The graph.
        node: One of its nodes.
    """
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def is_activation(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether a node is an activation that neurons replace.

    Args:
        graph: The graph.
        node: One of its nodes.
    """
    return isinstance(module_of(graph, node), ACTIVATIONS) or (node.op.startswith("call_") and node.target in _RELU)


def is_sum(node: fx.Node) -> bool:
    """Return whether a node adds two tensors.

    Args:
        node: Node of a graph.
    """
    plain = all(isinstance(part, fx.Node) for part in node.args[:2]) and len(node.args) == 2 and not node.kwargs
    return node.op in ("call_function", "call_method") and node.target in _ADD and plain


def problems(graph: fx.GraphModule) -> list[str]:
    """Return what cannot be converted, one line for each node by its name.

    Args:
        graph: The graph.
    """
    lines = [f"{name_of(node)}: {reason}" for node in graph.graph.nodes for reason in _reasons(graph, node)]
    layers = [node for node in graph.graph.nodes if isinstance(module_of(graph, node), LINEAR + NORMS)]
    shared = [(name, number) for name, number in Counter(str(node.target) for node in layers).items() if number > 1]
    must = "a layer must be called once, as its weights change with its place in the network"
    return lines + [f"{name}: {must}; it is called {number} times; give each call its own" for name, number in shared]


def name_of(node: fx.Node) -> str:
    """Return the name of a node: that of its module, where it calls one.

    Args:
        node: Node of a graph.
    """
    return str(node.target) if node.op == "call_module" else node.name


def _reasons(graph: fx.GraphModule, node: fx.Node) -> Iterator[str]:
    module = module_of(graph, node)
    if node.op == "output" and not isinstance(node.args[0], fx.Node):
        yield "the output must be one tensor; return the logits alone"
    if node.op in ("placeholder", "output") or is_activation(graph, node) or is_sum(node):
        return
    if isinstance(module, NORMS):
        yield from _norm_reasons(graph, node, module)
    elif not isinstance(module, LINEAR + PASSING) and not (module is None and node.target in _PASSING):
        key: Any = node.target if module is None else type(module)
        kind = getattr(key, "__name__", str(key))
        yield f"{kind} cannot be converted: {_REASONS.get(key, _OTHER)}"


def _norm_reasons(graph: fx.GraphModule, node: fx.Node, norm: Any) -> Iterator[str]:
    before = node.args[0]
    behind = isinstance(before, fx.Node) and isinstance(module_of(graph, before), LINEAR)
    if not behind or len(before.users) > 1:  # type: ignore[union-attr]
        yield "a batch norm must stand behind one Conv or Linear whose result nothing else reads, to be folded into it"
    if norm.running_mean is None:
        yield "a batch norm must keep running statistics, to be folded"
