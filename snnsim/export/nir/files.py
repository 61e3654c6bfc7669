"""The layout of NIR's files, without its package: a graph is a group of nodes, and a list of edges between them.

    /version                          text
    /node/type = "NIRGraph"           /node/edges (edge, 2), names       /node/metadata/NAME
    /node/nodes/NAME/type             /node/nodes/NAME/PARAMETER         /node/nodes/NAME/metadata/NAME

A node of the type NIRGraph is such a graph again. HDF5 gives groups in the order of their names, and importers compute
nodes in the order in which they get them.

Source   nir 1.0.8, serialization.py; what it writes is read here, and what is written here is read there
Differs  a v_reset of 0 is left out, as it stands for 0 where it is missing, and readers before 1.0.5 refuse it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.files import hdf5_written_whole

VERSION = "1.0.8"
_PACKED = 64


@dataclass(frozen=True, eq=False)
class Node:
    """A primitive of NIR."""

    kind: str
    """Its type, such as LIF."""
    numbers: Mapping[str, Any]
    """Its parameters."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes, and which leads to which."""

    nodes: Mapping[str, "Node | Graph"]
    edges: list[tuple[str, str]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "NIRGraph"


def save(graph: Graph, path: Path) -> None:
    """Write a graph into one file."""
    with hdf5_written_whole(path) as file:
        _put(file, "version", VERSION)
        _put_graph(file.create_group("node"), graph)


def load(path: Path) -> Graph:
    """Return the graph of a file; raises ValueError where it is none."""
    found = _opened(path, _node)
    if not isinstance(found, Graph):
        raise ValueError(f"{path} holds a single {found.kind}, not a NIRGraph; there must be a graph to import")
    return found


def metadata(path: Path) -> Mapping[str, Any]:
    """Return the metadata of a file's graph, without its nodes."""
    return _opened(path, _metadata)


def narrow(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32 where nothing is lost by it, else as float64."""
    values = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values


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
    group.create_dataset(name, data=value, compression="gzip" if value.size > _PACKED else None)


def _opened(path: Path, function: Callable[[h5py.Group], Any]) -> Any:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            return function(file["node"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged, or no NIR file: {error}") from error


def _metadata(group: h5py.Group) -> dict[str, Any]:
    return {name: _value(item) for name, item in group.get("metadata", {}).items()}


def _node(group: h5py.Group) -> Node | Graph:
    kind, metadata = _value(group["type"]), _metadata(group)
    if kind == "NIRGraph":
        nodes = {name: _node(item) for name, item in group["nodes"].items()}
        edges = [(_text(source), _text(target)) for source, target in group["edges"][()]]
        return Graph(nodes, edges, metadata)
    skipped = ("type", "metadata")
    return Node(kind, {name: _value(item) for name, item in group.items() if name not in skipped}, metadata)


def _value(item: Any) -> Any:
    return {name: _value(part) for name, part in item.items()} if isinstance(item, h5py.Group) else _text(item[()])


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
