"""Networks in SONATA of other tools as Programs: folders whose cells are NEST's delta neurons.

    β = exp(−dt / τ_m)      θ = V_th − E_L      b = I_e τ_m (1 − β) / C_m      d = delay / dt ≥ 1 step

Names    virtual populations are the input, one after another; provenance["sonata"]["input"] has the first channel of
         each
Differs  a spike that NEST has at time t is one of step t / dt − 1; no population is late
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export.sonata import tables
from snnsim.export.sonata.tables import Types, finite, node_numbers, open_hdf5
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.validation import require

NEURON_MODEL = "iaf_psc_delta"
SYNAPSE_MODEL = "static_synapse"
_DEFAULTS = {"C_m": 250.0, "tau_m": 10.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -55.0, "t_ref": 2.0, "I_e": 0.0}
"""NEST's parameters where a file has none."""


class _Nodes(NamedTuple):
    """The populations of a network."""

    populations: list[Population]
    channels: int
    first: dict[str, int]
    """First channel of each virtual population."""

    def channels_of(self, name: str) -> int:
        """Return how many channels a virtual population has."""
        return (
            min([start for start in self.first.values() if start > self.first[name]], default=self.channels)
            - (self.first[name])
        )


def program(path: Path) -> Program:
    """Return the Program of a folder in SONATA by another tool.

    Args:
        path: The folder with the configurations CONFIGS.

    Raises:
        ValueError: If it is damaged, or has parts that a Program has not.
    """
    config = tables.read_configs(path)
    dt = tables.table(config, "run", {}).get("dt")
    if dt is None:
        raise ValueError("import: no configuration of the folder says how long a step is (run.dt)")
    step = tables.number(dt, "run.dt")
    require(step > 0, f"import: run.dt must be more than 0 ms, not {step:g}")
    networks, components = tables.table(config, "networks"), tables.table(config, "components", {})
    nodes, edges = _nodes(networks, components, step), []
    for entry in tables.entries(networks, "edges"):
        types, tree = tables.read_types(entry, "edge"), open_hdf5(Path(tables.text(entry, "edges_file")))
        for name, group in tree.group("edges").groups():
            edges.append(_edge(name, group, types, nodes, step))
    return Program(
        channels=nodes.channels,
        populations=tuple(nodes.populations),
        edges=tuple(edges),
        time_step_ms=step,
        provenance={"sonata": {"folder": path.name, "input": nodes.first}},
    )


def _nodes(networks: dict[str, Any], components: dict[str, Any], dt: float) -> _Nodes:
    populations, first, channels = [], dict[str, int](), 0
    for entry in tables.entries(networks, "nodes"):
        types, tree = tables.read_types(entry, "node"), open_hdf5(Path(tables.text(entry, "nodes_file")))
        for name, group in tree.group("nodes").groups():
            kinds = node_numbers(group, "node_type_id").tolist()
            if "node_id" in group and node_numbers(group, "node_id").tolist() != list(range(len(kinds))):
                raise ValueError(
                    f"import: node_id of the nodes {name!r} must be the numbers from 0 to {len(kinds) - 1} in order; "
                    "sort the nodes, and number them anew"
                )
            rows = {kind: tables.type_row(types, kind, f"nodes {name!r}") for kind in set(kinds)}
            if all(row.get("model_type") == "virtual" for row in rows.values()):
                first[name] = channels
                channels += len(kinds)
                continue
            parameters = {kind: _parameters(name, row, components) for kind, row in rows.items()}
            populations.append(_population(name, [parameters[kind] for kind in kinds], dt))
    if not channels:
        raise ValueError("import: the network has no virtual population, so nothing to feed")
    return _Nodes(populations, channels, first)


def _parameters(name: str, row: dict[str, str], components: dict[str, Any]) -> dict[str, float]:
    """Return NEST's parameters of a type of neurons.

    Raises:
        ValueError: If a Program has no counterpart.
    """
    model, template = row.get("model_type"), row.get("model_template")
    if model not in ("point_neuron", "point_process") or str(template).split(":")[-1] != NEURON_MODEL:
        raise ValueError(
            f"import: population {name!r} has cells of {model} {template!r}; the only known ones are point neurons of "
            f"nest:{NEURON_MODEL}"
        )
    file, values = row.get("dynamics_params") or "NULL", dict[str, Any]()
    if file != "NULL":
        values = untrusted.read_json(Path(tables.text(components, "point_neuron_models_dir")) / file)
    cell = _DEFAULTS | {
        key: tables.number(value, f"{file}: {key}") for key, value in values.items() if key in (*_DEFAULTS, "V_m")
    }
    for key, must, reason in (
        ("V_reset", cell["E_L"], "E_L, to which a membrane decays"),
        ("t_ref", 0.0, "0, as there is no refractory time"),
        ("V_m", cell["E_L"], "E_L, as all start at rest"),
    ):
        if cell.get(key, cell["E_L"]) != must:
            raise ValueError(f"import: population {name!r}: {key} must be {reason}, not {cell[key]:g}")
    for key in ("tau_m", "C_m"):
        require(cell[key] > 0, f"import: population {name!r}: {key} must be more than 0, not {cell[key]:g}")
    return cell


def _population(name: str, cells: list[dict[str, float]], dt: float) -> Population:
    arrays = {key: np.array([cell[key] for cell in cells]) for key in ("C_m", "tau_m", "E_L", "V_th", "I_e")}
    with np.errstate(over="ignore", invalid="ignore"):
        # Population refuses numbers that are not finite, by name
        decay = np.exp(-dt / arrays["tau_m"])
        bias = arrays["I_e"] * arrays["tau_m"] * -np.expm1(-dt / arrays["tau_m"]) / arrays["C_m"]
        threshold = arrays["V_th"] - arrays["E_L"]
    return Population(name, "lif_hard", decay, threshold, bias, np.ones(len(cells)))


def _edge(name: str, group: hdf5.Tree, types: Types, nodes: _Nodes, dt: float) -> Edge:
    size = {population.name: population.size for population in nodes.populations}
    source, target = (str(group.attribute("node_population", f"{end}_node_id")) for end in ("source", "target"))
    for end in (source, target):
        if end not in nodes.first and end not in size:
            raise ValueError(f"import: edges {name!r} name the population {end!r}, which is not there")
    kinds = node_numbers(group, "edge_type_id")
    rows = {kind: tables.type_row(types, kind, f"edges {name!r}") for kind in set(kinds.tolist())}
    for row in rows.values():
        model = (row.get("model_template") or SYNAPSE_MODEL).split(":")[-1]
        if model != SYNAPSE_MODEL:
            raise ValueError(f"import: edges {name!r} are {model!r}; only {SYNAPSE_MODEL} is a synapse of a program")
    weight = _values(group, "syn_weight", kinds, rows) * _values(group, "nsyns", kinds, rows, default=1.0)
    steps = _values(group, "delay", kinds, rows) / dt
    delay = np.rint(steps)
    if len(steps) and not (np.abs(steps - delay).max() <= 1e-6 and delay.min() >= 1):
        raise ValueError(f"import: delays of edges {name!r} must be whole steps of {dt:g} ms, 1 or more")
    pre, post = (node_numbers(group, f"{end}_node_id") for end in ("source", "target"))
    require(
        source in size or not len(pre) or bool(pre.max() < nodes.channels_of(source)),
        f"import: edges {name!r} start at nodes that {source!r} does not have",
    )
    if source in nodes.first:
        synapses = (pre + nodes.first[source], post, delay, weight)
        return Edge.of(INPUT, target, synapses, sources=nodes.channels)
    return Edge.of(source, target, (pre, post, delay, weight), sources=size[source])


def _values(group: hdf5.Tree, name: str, kinds: np.ndarray, rows: Types, *, default: float | None = None) -> np.ndarray:
    """Return an attribute of every edge, (edge,): its own value, or that of its type.

    Raises:
        ValueError: If a Program has no counterpart.
    """
    numbers, index = _rows_of_groups(group, len(kinds))
    values, missing, by_kind = np.zeros(len(kinds)), np.ones(len(kinds), bool), dict[int, float]()
    for number in set(numbers.tolist()):
        path, mask = f"{number}/{name}", numbers == number
        if path in group:
            own = finite(group, path)
            require(bool(index[mask].max() < len(own)), f"{group.name}/{path} must have a value for each edge")
            values[mask], missing[mask] = own[index[mask]], False
    for kind in set(kinds[missing].tolist()):
        value = rows[kind].get(name, default)
        if value in (None, "NULL", ""):
            raise ValueError(f"import: edges {group.name!r} have no {name}")
        by_kind[kind] = tables.number(value, f"edges {group.name!r}: {name}")
    values[missing] = [by_kind[kind] for kind in kinds[missing].tolist()]
    return values


def _rows_of_groups(group: hdf5.Tree, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the group with the attributes of each edge, and the row in it, (edge,) each.

    Raises:
        ValueError: If there is not one of both for each edge.
    """
    # the only group, in the order of the edges, where a file does not say
    number = node_numbers(group, "edge_group_id") if "edge_group_id" in group else np.zeros(count, np.int64)
    row = node_numbers(group, "edge_group_index") if "edge_group_index" in group else np.arange(count)
    require(len(number) == len(row) == count, f"{group.name} must have a group and an index in it for each edge")
    return number, row
