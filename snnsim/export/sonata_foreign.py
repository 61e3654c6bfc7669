"""SONATA of others: a folder whose cells are NEST's delta neurons, as a Program.

    β = exp(−dt / τ_m)      θ = V_th − E_L      b = I_e τ_m (1 − β) / C_m      d = delay / dt ≥ 1 step

Names    virtual populations are the input, one after another; `input` of provenance["sonata"] says which channels are
         whose
Differs  a spike that NEST has at time t is one of step t / dt − 1; no population is late
"""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.validation import require, shown

KNOWN = "iaf_psc_delta"
STATIC = "static_synapse"
CONFIGS = ("circuit_config.json", "simulation_config.json", "config.json")
# what NEST has where nothing is said
_AT_REST = {"C_m": 250.0, "tau_m": 10.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -55.0, "t_ref": 2.0, "I_e": 0.0}
_MOST_ROUNDS, _LONGEST_PATH = 100, 4096

Kinds = dict[int, dict[str, str]]
"""A row of a table of types, by its number."""


def program(path: Path) -> Program:
    """Return the Program of a folder; raises ValueError where it has what no Program has."""
    config = _configured(path)
    dt = _table(config, "run", {}).get("dt")
    if dt is None:
        raise ValueError("import: no configuration of the folder says how long a step is (run.dt)")
    step = _number(dt, "run.dt")
    require(step > 0, f"import: run.dt must be more than 0 ms, not {step:g}")
    networks, components = _table(config, "networks"), _table(config, "components", {})
    populations, channels, first = _nodes(networks, components, step)
    size = {part.name: part.size for part in populations}
    edges = []
    for entry in _entries(networks, "edges"):
        kinds, tree = _types(entry, "edge"), opened(Path(_text(entry, "edges_file")))
        for name, group in tree.group("edges").groups():
            edges.append(_their_edge(name, group, kinds, (first, size, channels, step)))
    return Program(
        channels=channels,
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=step,
        provenance={"sonata": {"folder": path.name, "input": first}},
    )


def _configured(path: Path) -> dict[str, Any]:
    """Return the configurations of a folder as one, with whole paths."""
    found: dict[str, Any] = {}
    for name in CONFIGS:
        if (path / name).is_file():
            content = untrusted.read_json(path / name)
            manifest = {"${configdir}": str(path)} | _table(content, "manifest", {})
            for key in manifest:
                _text(manifest, key)
            found |= _expanded(content, {key: each for key, each in manifest.items() if key}, path)
    return found


def _expanded(value: Any, manifest: dict[str, str], path: Path) -> Any:
    if isinstance(value, dict):
        return {name: _expanded(each, manifest, path) for name, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, manifest, path) for each in value]
    if not isinstance(value, str):
        return value
    rounds, given = 0, value
    while any(name in value for name in manifest):
        for name, stands in manifest.items():
            value = value.replace(name, stands)
        rounds += 1
        require(
            rounds < _MOST_ROUNDS and len(value) < _LONGEST_PATH,
            f"manifest: the names in {shown(given)} must stand for others, and for themselves they do not",
        )
    if "/" in value:
        return str(path / value)
    return str(path / value) if value and "\0" not in value and len(value) < 256 and (path / value).exists() else value


def _nodes(
    networks: dict[str, Any], components: dict[str, Any], dt: float
) -> tuple[list[Population], int, dict[str, int]]:
    populations, first, channels = [], {}, 0
    for entry in _entries(networks, "nodes"):
        kinds, tree = _types(entry, "node"), opened(Path(_text(entry, "nodes_file")))
        for name, group in tree.group("nodes").groups():
            number = identifiers(group, "node_type_id").tolist()
            models = {each: _kind(kinds, each, f"nodes {name!r}") for each in set(number)}
            if all(each.get("model_type") == "virtual" for each in models.values()):
                first[name] = channels
                channels += len(number)
                continue
            cells = {each: _cell(name, model, components) for each, model in models.items()}
            populations.append(_population(name, [cells[each] for each in number], dt))
    if not channels:
        raise ValueError("import: the network has no virtual population, so nothing to feed")
    return populations, channels, first


def _cell(name: str, kind: dict[str, str], components: dict[str, Any]) -> dict[str, float]:
    model, template = kind.get("model_type"), kind.get("model_template")
    if model not in ("point_neuron", "point_process") or str(template).split(":")[-1] != KNOWN:
        raise ValueError(
            f"import: population {name!r} has cells of {model} {template!r}; the only known ones are point neurons of "
            f"nest:{KNOWN}"
        )
    file = kind.get("dynamics_params") or "NULL"
    given = {}
    if file != "NULL":
        given = untrusted.read_json(Path(_text(components, "point_neuron_models_dir")) / file)
    cell = _AT_REST | {
        part: _number(each, f"{file}: {part}") for part, each in given.items() if part in (*_AT_REST, "V_m")
    }
    for part, must, what in (
        ("V_reset", cell["E_L"], "E_L, to which a membrane decays"),
        ("t_ref", 0.0, "0, as there is no refractory time"),
        ("V_m", cell["E_L"], "E_L, as all start at rest"),
    ):
        if cell.get(part, cell["E_L"]) != must:
            raise ValueError(f"import: population {name!r}: {part} must be {what}, not {cell[part]:g}")
    for part in ("tau_m", "C_m"):
        require(cell[part] > 0, f"import: population {name!r}: {part} must be more than 0, not {cell[part]:g}")
    return cell


def _population(name: str, cells: list[dict[str, float]], dt: float) -> Population:
    part = {each: np.array([cell[each] for cell in cells]) for each in ("C_m", "tau_m", "E_L", "V_th", "I_e")}
    with np.errstate(over="ignore", invalid="ignore"):
        # what is not finite then is refused by name
        decay = np.exp(-dt / part["tau_m"])
        bias = part["I_e"] * part["tau_m"] * -np.expm1(-dt / part["tau_m"]) / part["C_m"]
        threshold = part["V_th"] - part["E_L"]
    return Population(name, "lif_hard", decay, threshold, bias, np.ones(len(cells)))


def _their_edge(
    name: str, group: hdf5.Tree, kinds: Kinds, known: tuple[dict[str, int], dict[str, int], int, float]
) -> Edge:
    first, size, channels, dt = known
    source, target = (str(group.attribute("node_population", f"{end}_node_id")) for end in ("source", "target"))
    for end in (source, target):
        if end not in first and end not in size:
            raise ValueError(f"import: edges {name!r} name the population {end!r}, which is not there")
    number = identifiers(group, "edge_type_id")
    models = {each: _kind(kinds, each, f"edges {name!r}") for each in set(number.tolist())}
    for each in models.values():
        model = (each.get("model_template") or STATIC).split(":")[-1]
        if model != STATIC:
            raise ValueError(f"import: edges {name!r} are {model!r}; only {STATIC} is a synapse of a program")
    weight = _values(group, "syn_weight", number, models) * _values(group, "nsyns", number, models, otherwise=1.0)
    steps = _values(group, "delay", number, models) / dt
    delay = np.rint(steps)
    if len(steps) and not (np.abs(steps - delay).max() <= 1e-6 and delay.min() >= 1):
        raise ValueError(f"import: delays of edges {name!r} must be whole steps of {dt:g} ms, 1 or more")
    pre, post = (identifiers(group, f"{end}_node_id") for end in ("source", "target"))
    require(
        source in size or not len(pre) or bool(pre.max() < _virtual(source, first, channels)),
        f"import: edges {name!r} start at nodes that {source!r} does not have",
    )
    virtual = source in first
    synapses = (pre + first.get(source, 0), post, delay, weight)
    return Edge.of(INPUT if virtual else source, target, synapses, sources=channels if virtual else size[source])


def _virtual(name: str, first: dict[str, int], channels: int) -> int:
    """Return how many nodes a virtual population has."""
    return min([start for start in first.values() if start > first[name]], default=channels) - first[name]


def _values(
    group: hdf5.Tree, name: str, number: np.ndarray, models: Kinds, *, otherwise: float | None = None
) -> np.ndarray:
    """Return an attribute of every edge: its own, or that of its type."""
    if f"0/{name}" in group:
        found = finite(group, f"0/{name}")
        require(len(found) == len(number), f"{group.name}/0/{name} must have a value for each edge")
        return found
    of_kind = {}
    for each, model in models.items():
        value = model.get(name, otherwise)
        if value in (None, "NULL", ""):
            raise ValueError(f"import: edges {group.name!r} have no {name}")
        of_kind[each] = _number(value, f"edges {group.name!r}: {name}")
    return np.array([of_kind[each] for each in number.tolist()], np.float64)


def _types(entry: dict[str, Any], what: str) -> Kinds:
    """Return the rows of the table of types that an entry names."""
    path, key = Path(_text(entry, f"{what}_types_file")), f"{what}_type_id"
    found = {}
    try:
        for row in csv.DictReader(io.StringIO(untrusted.read_text(path)), delimiter=" ", quotechar='"'):
            number = row.get(key) or ""
            require(
                number.isdecimal() and len(number) < 19, f"{path.name}: {key} must be a whole number, not {number!r}"
            )
            found[int(number)] = {name: value for name, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise ValueError(f"{path.name}: it must be a table separated by spaces: {error}") from error
    return found


def _kind(kinds: Kinds, number: int, who: str) -> dict[str, str]:
    require(number in kinds, f"{who} are of the type {number}, which the table of types does not have")
    return kinds[number]


def opened(path: Path) -> hdf5.Tree:
    """Return what is in an HDF5 file; an error names it."""
    try:
        return hdf5.opened(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def identifiers(group: hdf5.Tree, name: str) -> np.ndarray:
    """Return a row of numbers of nodes, or of types."""
    found = group.numbers(name, axes=1)
    require(
        found.dtype.kind in "iu" and (not found.size or (found.min() >= 0 and found.max() < 2**31)),
        f"{group.name}/{name} must be whole numbers from 0 to {2**31 - 1}, not {found.dtype}",
    )
    return found.astype(np.int64)


def finite(group: hdf5.Tree, name: str) -> np.ndarray:
    """Return a row of finite numbers."""
    found = group.numbers(name, axes=1).astype(np.float64)
    require(bool(np.isfinite(found).all()), f"{group.name}/{name} must be finite numbers")
    return found


def _table(config: dict[str, Any], name: str, otherwise: dict[str, Any] | None = None) -> dict[str, Any]:
    found: Any = config.get(name, otherwise)
    require(isinstance(found, dict), f"the configuration: {name} must be a table, not {shown(found)}")
    return dict(found)


def _entries(networks: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: Any = networks.get(name)
    require(
        isinstance(found, list) and all(isinstance(each, dict) for each in found),
        f"the configuration: networks.{name} must be a list of tables, not {shown(found)}",
    )
    return list(found)


def _text(config: dict[str, Any], name: str) -> str:
    found: Any = config.get(name)
    require(
        isinstance(found, str) and "\0" not in found, f"the configuration: {name} must be a text, not {shown(found)}"
    )
    return str(found)


def _number(value: Any, who: str) -> float:
    try:
        found = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    require(bool(np.isfinite(found)), f"import: {who} must be a finite number, not {shown(value)}")
    return found
