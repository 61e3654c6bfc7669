"""Batch normalizations of evaluation, folded into the weights and biases before them; in a copy, by torch itself.

W' = W γ / √(σ² + ε)        b' = (b − μ) γ / √(σ² + ε) + β
"""

from torch import fx, nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from snnsim.conversion.graphs import NORMS, module_of


def fold(graph: fx.GraphModule) -> None:
    """Fold every batch normalization of a graph, which is then in evaluation mode; `problems` must have found none.

    Args:
        graph: The graph, which changes.
    """
    graph.eval()
    for node in list(graph.graph.nodes):
        norm = module_of(graph, node)
        if not isinstance(norm, NORMS):
            continue
        before = node.args[0]
        linear = module_of(graph, before)
        fuse = fuse_linear_bn_eval if isinstance(linear, nn.Linear) else fuse_conv_bn_eval
        graph.set_submodule(str(before.target), fuse(linear, norm))  # type: ignore[type-var, arg-type]
        node.replace_all_uses_with(before)
        graph.graph.erase_node(node)
        graph.delete_submodule(str(node.target))
    graph.recompile()
