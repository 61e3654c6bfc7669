"""SONATA read back: a folder that `sonata.write` made, exactly; one of others, if its cells are NEST's delta neurons.

    β = exp(−dt / τ_m)      θ = V_th − E_L      b = I_e τ_m (1 − β) / C_m      d = delay / dt ≥ 1 step

Names    our facts are in snnsim.json, and our numbers beside those of NEST; of others, virtual populations are the
         input, one after another, and `input` of provenance["sonata"] says which channels are whose
Differs  a spike that NEST has at time t is one of step t / dt − 1; populations of others are not late
"""

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.export.sonata import FACTS, FORMAT, NUMBERS
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program

KNOWN = "iaf_psc_delta"
STATIC = "static_synapse"
CONFIGS = ("circuit_config.json", "simulation_config.json", "config.json")


def claims(folder: Path) -> bool:
    """Return whether a folder is a network in SONATA."""
    return any((Path(folder) / name).is_file() for name in CONFIGS)


def read(path: Path) -> Program:
    """Return the Program of a folder; raises ValueError where it is damaged, or has what no Program has."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    try:
        return _ours(path) if (path / FACTS).is_file() else _theirs(path)
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        if str(error).startswith("import: "):
            raise
        raise ValueError(f"{path} is damaged, or is not a network in SONATA: {error}") from error


def _ours(path: Path) -> Program:
    header = json.loads((path / FACTS).read_text(encoding="utf-8"))
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']!r}, not {FORMAT!r}")
    fixed = None if header["fixed"] is None else FixedPoint(**header["fixed"])
    with h5py.File(path / "network/nodes.h5", "r") as file:
        populations = tuple(
            Population(name, rule, *(file[f"nodes/{name}/0/{each}"][()] for each in NUMBERS))
            for name, rule in header["populations"]
        )
    size = {INPUT: header["channels"]} | {part.name: part.size for part in populations}
    with h5py.File(path / "network/edges.h5", "r") as file:
        edges = tuple(
            _our_edge(file[f"edges/{number}_{source}_to_{target}"], (source, target), size[source], header)
            for number, (source, target) in enumerate(header["edges"])
        )
    kept = ("channels", "time_step_ms", "readout", "decision", "extra_steps", "provenance")
    return Program(
        populations=populations,
        edges=edges,
        fixed=fixed,
        classes=tuple(header["classes"]),
        **{name: header[name] for name in kept},
    )


def _our_edge(group: h5py.Group, ends: tuple[str, str], sources: int, header: dict[str, Any]) -> Edge:
    source, target = ends
    weight = group["0/syn_weight"][()]
    if header["fixed"] is not None:
        weight = np.rint(weight / 2 ** header["fixed"]["weight_shift"]).astype(np.int64)
    late = header["lateness"][target] - header["lateness"][source]
    delay = np.rint(group["0/delay"][()] / header["time_step_ms"]).astype(np.int64) - late
    pre, post = (group[f"{end}_node_id"][()].astype(np.int64) for end in ("source", "target"))
    return Edge.of(source, target, (pre, post, delay, weight), sources=sources)


def _theirs(path: Path) -> Program:
    config = _configured(path)
    dt = config.get("run", {}).get("dt")
    if dt is None:
        raise ValueError("import: no configuration of the folder says how long a step is (run.dt)")
    populations, channels, first = _nodes(config, float(dt))
    size = {part.name: part.size for part in populations}
    edges = []
    for entry in config["networks"]["edges"]:
        kinds = _table(entry["edge_types_file"], "edge_type_id")
        with h5py.File(entry["edges_file"], "r") as file:
            for name, group in file["edges"].items():
                edges.append(
                    _their_edge(name, group, (kinds, config["components"]), (first, size, channels, float(dt)))
                )
    return Program(
        channels=channels,
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=float(dt),
        provenance={"sonata": {"folder": path.name, "input": first}},
    )


def _configured(path: Path) -> dict[str, Any]:
    """Return the configurations of a folder as one, with whole paths."""
    found: dict[str, Any] = {}
    for name in CONFIGS:
        if (path / name).is_file():
            content = json.loads((path / name).read_text(encoding="utf-8"))
            found |= _expanded(content, {"${configdir}": str(path)} | content.get("manifest", {}), path)
    return found


def _expanded(value: Any, manifest: dict[str, str], path: Path) -> Any:
    if isinstance(value, dict):
        return {name: _expanded(each, manifest, path) for name, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, manifest, path) for each in value]
    if not isinstance(value, str):
        return value
    while any(name in value for name in manifest):
        for name, stands in manifest.items():
            value = value.replace(name, stands)
    inside = path / value
    return str(inside) if "/" in value or inside.exists() else value


def _nodes(config: dict[str, Any], dt: float) -> tuple[list[Population], int, dict[str, int]]:
    populations, first, channels = [], {}, 0
    for entry in config["networks"]["nodes"]:
        kinds = _table(entry["node_types_file"], "node_type_id")
        with h5py.File(entry["nodes_file"], "r") as file:
            for name, group in file["nodes"].items():
                number = group["node_type_id"][()]
                if all(kinds[each]["model_type"] == "virtual" for each in number):
                    first[name] = channels
                    channels += len(number)
                    continue
                cells = {each: _cell(name, kinds[each], config["components"]) for each in set(number.tolist())}
                populations.append(_population(name, [cells[each] for each in number.tolist()], dt))
    if not channels:
        raise ValueError("import: the network has no virtual population, so nothing to feed")
    return populations, channels, first


def _cell(name: str, kind: dict[str, str], components: dict[str, str]) -> dict[str, float]:
    model = kind.get("model_template", "").split(":")[-1]
    if kind["model_type"] not in ("point_neuron", "point_process") or model != KNOWN:
        raise ValueError(
            f"import: population {name!r} has cells of {kind['model_type']} {kind.get('model_template')!r}; the only "
            f"known ones are point neurons of nest:{KNOWN}"
        )
    file = kind.get("dynamics_params", "NULL")
    given = {} if file in ("", "NULL") else json.loads((Path(components["point_neuron_models_dir"]) / file).read_text())
    # what NEST has where nothing is said
    cell = {
        "C_m": 250.0,
        "tau_m": 10.0,
        "E_L": -70.0,
        "V_reset": -70.0,
        "V_th": -55.0,
        "t_ref": 2.0,
        "I_e": 0.0,
    } | given
    for part, must, what in (
        ("V_reset", cell["E_L"], "E_L, to which a membrane decays"),
        ("t_ref", 0.0, "0, as there is no refractory time"),
        ("V_m", cell["E_L"], "E_L, as all start at rest"),
    ):
        if cell.get(part, cell["E_L"]) != must:
            raise ValueError(f"import: population {name!r}: {part} must be {what}, not {cell[part]:g}")
    return cell


def _population(name: str, cells: list[dict[str, float]], dt: float) -> Population:
    part = {each: np.array([cell[each] for cell in cells]) for each in ("C_m", "tau_m", "E_L", "V_th", "I_e")}
    decay = np.exp(-dt / part["tau_m"])
    bias = part["I_e"] * part["tau_m"] * -np.expm1(-dt / part["tau_m"]) / part["C_m"]
    return Population(name, "hard", decay, part["V_th"] - part["E_L"], bias, np.ones(len(cells)))


def _their_edge(
    name: str,
    group: h5py.Group,
    types: tuple[dict[int, dict[str, str]], dict[str, str]],
    known: tuple[dict[str, int], dict[str, int], int, float],
) -> Edge:
    first, size, channels, dt = known
    ends = [_text(group[f"{end}_node_id"].attrs["node_population"]) for end in ("source", "target")]
    for end in ends:
        if end not in first and end not in size:
            raise ValueError(f"import: edges {name!r} name the population {end!r}, which is not there")
    for kind in {int(each) for each in group["edge_type_id"][()]}:
        model = types[0][kind].get("model_template", STATIC).split(":")[-1]
        if model != STATIC:
            raise ValueError(f"import: edges {name!r} are {model!r}; only {STATIC} is a synapse of a program")
    weight = _values(group, "syn_weight", types[0]) * _values(group, "nsyns", types[0], otherwise=1.0)
    steps = _values(group, "delay", types[0]) / dt
    delay = np.rint(steps)
    if len(steps) and (np.abs(steps - delay).max() > 1e-6 or delay.min() < 1):
        raise ValueError(f"import: delays of edges {name!r} must be whole steps of {dt:g} ms, 1 or more")
    pre, post = (group[f"{end}_node_id"][()].astype(np.int64) for end in ("source", "target"))
    source, target = ends
    virtual = source in first
    synapses = (pre + first.get(source, 0), post, delay.astype(np.int64), weight)
    return Edge.of(INPUT if virtual else source, target, synapses, sources=channels if virtual else size[source])


def _values(group: h5py.Group, name: str, kinds: dict[int, dict[str, str]], *, otherwise: float | None = None) -> Any:
    """Return an attribute of every edge: its own, or that of its type."""
    kind = group["edge_type_id"][()]
    inside = group.get("0", {})
    if name in inside:
        return inside[name][()].astype(np.float64)
    found = [kinds[int(each)].get(name, otherwise) for each in kind]
    if any(each in (None, "NULL", "") for each in found):
        raise ValueError(f"import: edges {group.name!r} have no {name}")
    return np.array(found, np.float64)


def _table(path: str, key: str) -> dict[int, dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {int(row[key]): row for row in csv.DictReader(file, delimiter=" ", quotechar='"')}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
