"""The layout of NIR's files, without its package: a graph is a group of nodes, and a list of edges between them.

    /version                          text
    /node/type = "NIRGraph"           /node/edges (edge, 2), names       /node/metadata/NAME
    /node/nodes/NAME/type             /node/nodes/NAME/PARAMETER         /node/nodes/NAME/metadata/NAME

A node of the type NIRGraph is such a graph again. HDF5 gives groups in the order of their names, and importers compute
nodes in the order in which they get them.

Source   nir 1.0.8, serialization.py; what it writes is read here, and what is written here is read there
Differs  a v_reset of 0 is left out, as it stands for 0 where it is missing, and readers before 1.0.5 refuse it
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim import hdf5, untrusted
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
    opened = _opened(path)
    try:
        found = _node(opened)
    except ValueError as error:
        untrusted.refuse(path, "no NIR file", error)
    if not isinstance(found, Graph):
        raise ValueError(f"{path} holds a single {found.kind}, not a NIRGraph; there must be a graph to import")
    return found


def metadata(path: Path) -> Mapping[str, Any]:
    """Return the metadata of a file's graph."""
    opened = _opened(path)
    try:
        return _metadata(opened)
    except ValueError as error:
        untrusted.refuse(path, "no NIR file", error)


def narrow(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32 where nothing is lost by it, else as float64."""
    values = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values


def printable(name: str) -> str:
    """Return a name as HDF5 can hold it: as it is, unless it has what no text of HDF5 may have."""
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
    group.create_dataset(name, data=value, compression="gzip" if value.size > _PACKED else None)


def _opened(path: Path) -> hdf5.Tree:
    try:
        return hdf5.opened(path).group("node")
    except (ValueError, OSError) as error:
        untrusted.refuse(path, "no NIR file", error)


def _metadata(group: hdf5.Tree) -> dict[str, Any]:
    return dict(group.value("metadata")) if "metadata" in group else {}


def _node(group: hdf5.Tree) -> Node | Graph:
    kind, metadata = group.text("type"), _metadata(group)
    if kind == "NIRGraph":
        nodes = {name: _node(item) for name, item in group.group("nodes").groups()}
        edges = [(str(source), str(target)) for source, target in _edges(group)]
        return Graph(nodes, edges, metadata)
    skipped = ("type", "metadata")
    return Node(kind, {name: group.value(name) for name in group if name not in skipped}, metadata)


def _edges(group: hdf5.Tree) -> np.ndarray:
    if group.kind("edges") == "numbers" and not group.numbers("edges").size:
        # a graph without edges has no texts to tell their type
        return np.empty((0, 2), object)
    found = group.texts("edges", axes=2)
    if found.shape[1] != 2:
        raise ValueError(f"edges must be pairs of names, not {found.shape[1]} names each")
    return found
