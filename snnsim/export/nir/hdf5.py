"""The layout of NIR's files, without its package: a graph is a group of nodes, and a list of edges between them.

    /version                          text
    /node/type = "NIRGraph"           /node/edges (edge, 2), names       /node/metadata/NAME
    /node/nodes/NAME/type             /node/nodes/NAME/PARAMETER         /node/nodes/NAME/metadata/NAME

A node of the type NIRGraph is such a graph again. HDF5 gives groups in the order of their names, and importers compute
nodes in the order in which they get them.

Source   nir 1.0.8, serialization.py: both read each other's files
Differs  a v_reset of 0 is left out, as it stands for 0 where it is missing, and nir before 1.0.5 refuses it
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim import hdf5
from snnsim.export.common import reading
from snnsim.export.nir.graph import Graph, GraphEdge, Node
from snnsim.files import hdf5_written_whole

VERSION = "1.0.8"
"""Version of NIR that files state."""
_COMPRESSED = 64
"""Arrays of more numbers are compressed."""


def save(graph: Graph, path: Path) -> None:
    """Write a graph into one file.

    Args:
        graph: The graph, with all graphs inside of it.
        path: The file, such as network.nir; missing folders above it are made.
    """
    with hdf5_written_whole(path) as file:
        _put(file, "version", VERSION)
        _put_graph(file.create_group("node"), graph)


def load(path: Path) -> Graph:
    """Return the graph of a file.

    Args:
        path: The file, by snnsim or another library; its suffix does not matter.

    Raises:
        ValueError: If it is damaged, or holds no graph.
    """
    group = _root(path)
    with reading(path, "no NIR file"):
        root = _node(group)
    if not isinstance(root, Graph):
        raise ValueError(f"{path} holds a single {root.kind}, not a NIRGraph; there must be a graph to import")
    return root


def metadata(path: Path) -> Mapping[str, Any]:
    """Return the metadata of a file's graph.

    Args:
        path: The file, by snnsim or another library; its suffix does not matter.

    Raises:
        ValueError: If the file is damaged, or holds no graph.
    """
    group = _root(path)
    with reading(path, "no NIR file"):
        return _metadata(group)


def narrow(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32 where that is exact, else as float64.

    Args:
        values: Numbers of any shape.
    """
    values = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values


def printable(name: str) -> str:
    """Return a name as a text of HDF5: unchanged, or as JSON if it has NUL or a lone surrogate.

    Args:
        name: Any text, such as the name of a population.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return json.dumps(name)
    return json.dumps(name) if "\0" in name else name


def _put_graph(group: h5py.Group, graph: Graph) -> None:
    _put(group, "type", "NIRGraph")
    group.create_dataset("edges", data=np.array(graph.edges, object), dtype=h5py.string_dtype())
    nodes = group.create_group("nodes")
    for name, node in graph.nodes.items():
        inside = nodes.create_group(name)
        if isinstance(node, Graph):
            _put_graph(inside, node)
            continue
        _put(inside, "type", node.kind)
        for key, value in node.numbers.items():
            _put(inside, key, value)
        _put_metadata(inside, node.metadata)
    _put_metadata(group, graph.metadata)


def _put_metadata(group: h5py.Group, metadata: Mapping[str, Any]) -> None:
    if metadata:
        inside = group.create_group("metadata")
        for key, value in metadata.items():
            _put(inside, key, value)


def _put(group: h5py.Group, name: str, value: Any) -> None:
    if isinstance(value, str):
        group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        return
    value = np.asarray(value)
    group.create_dataset(name, data=value, compression="gzip" if value.size > _COMPRESSED else None)


def _root(path: Path) -> hdf5.Tree:
    with reading(path, "no NIR file"):
        return hdf5.opened(path).group("node")


def _metadata(group: hdf5.Tree) -> dict[str, Any]:
    return dict(group.value("metadata")) if "metadata" in group else {}


def _node(group: hdf5.Tree) -> Node | Graph:
    kind, metadata = group.text("type"), _metadata(group)
    if kind == "NIRGraph":
        nodes = {name: _node(item) for name, item in group.group("nodes").groups()}
        return Graph(nodes, _edges(group), metadata)
    skipped = ("type", "metadata")
    return Node(kind, {name: group.value(name) for name in group if name not in skipped}, metadata)


def _edges(group: hdf5.Tree) -> list[GraphEdge]:
    if group.kind("edges") == "numbers" and not group.numbers("edges").size:
        # the list of a graph without edges is stored as numbers
        return []
    names = group.texts("edges", axes=2)
    if names.shape[1] != 2:
        raise ValueError(f"edges must be pairs of names, not {names.shape[1]} names each")
    return [(str(source), str(target)) for source, target in names]
