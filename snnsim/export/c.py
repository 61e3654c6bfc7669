"""C99 for microcontrollers: a folder with the network, a runtime without malloc, a self-test and a benchmark.

    network.h    sizes, and the Program's header as JSON in a comment       network.c    weights, delays, neurons
    golden.h     a recording, and the spikes, membranes and class that must come of it
    snn.h snn.c  the runtime: the integer rule of `snnsim.program.model`     Makefile     test, sanitize, size, bench
    run.c        recordings from standard input, what came of them to standard output

Shapes   weight, delay, target: as `c_layout` has them · decay, threshold, bias (neuron,) of all populations
Units    delays in steps, 0 the same step; a step is SNN_STEP_US microseconds
Exact    spikes and membranes, by the order of computing and the saturation of ours; nothing is retimed
Differs  the decision summed_softmax is one in whole numbers (snn_choice), which has no exp: shares differ by 1 part in
         50 000, so a class may differ where two are that near
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.export import c_layout, checks, repairs
from snnsim.export.c_golden import golden
from snnsim.export.c_layout import Block
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair
from snnsim.files import folder_read_whole, folder_written_whole
from snnsim.program import DECISIONS, INPUT, FixedPoint, Population, Program
from snnsim.program.header import Header, arrays_field, list_field
from snnsim.quantization import Scheme
from snnsim.simulation import Events

FORMAT = "snnsim C99"
LONGEST_DELAY = 255
REPAIRS: Mapping[str, Repair] = {
    "quantize": partial(repairs.requantize, scheme=Scheme()),
    "requantize": partial(repairs.requantize, scheme=Scheme()),
    "clamp_delays": partial(repairs.clamp_delays, most=LONGEST_DELAY),
}
_RUNTIME = ("snn.h", "snn.c", "run.c", "test.c", "bench.c", "Makefile")
_EXECUTED = ("snn.h", "snn.c", "run.c", "network.h", "network.c")
_MODELS = {"lif_hard": "SNN_HARD", "lif_soft": "SNN_SOFT", "readout": "SNN_READS"}


def check(program: Program) -> Iterator[Violation]:
    """Return what the runtime cannot compute."""
    yield from checks.integers(program)
    yield from checks.delay_range(program, most=LONGEST_DELAY)
    yield from checks.reset(program, models=("lif_hard", "lif_soft"))
    if program.fixed is not None:
        yield from checks.sums(program)


def write(program: Program, path: Path, *, recording: Events | None = None) -> None:
    """Write the folder; `recording` is what the self-test and the benchmark run, by default random spikes."""
    texts = sources(program) | {"golden.h": golden(program, recording, c_layout.most_count(program))}
    with folder_written_whole(path) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")


def sources(program: Program) -> dict[str, str]:
    """Return the text of each file that `write` makes, but that of the recording."""
    laid, runtime = c_layout.blocks(program), resources.files("snnsim.export") / "c_runtime"
    texts = {name: (runtime / name).read_text(encoding="utf-8") for name in _RUNTIME}
    return texts | {"network.h": _header(program, laid), "network.c": _data(program, laid)}


def executed(program: Program) -> dict[str, str]:
    """Return the text of each file that `snnsim verify` compiles and runs."""
    return {name: text for name, text in sources(program).items() if name in _EXECUTED}


def claims(folder: Path) -> bool:
    """Return whether a folder is one that `write` made."""
    return all((folder / name).is_file() for name in ("network.h", "network.c", "snn.c"))


def read(path: Path) -> Program:
    """Return the Program of a folder that `write` made, from the numbers that the compiler reads."""
    path = Path(path)
    try:
        with folder_read_whole(path):
            text = untrusted.read_text(path / "network.h")
            comment = text[text.find("{") : max(text.find("\n */"), 0)]
            header = Header.of(untrusted.parse_object(comment, where="the comment of network.h"), form=FORMAT)
            return _built(header, _arrays(untrusted.read_text(path / "network.c")))
    except (ValueError, OSError) as error:
        untrusted.refuse(path, "was not written by `snnsim export --to c`", error)


def _header(program: Program, laid: list[list[Block]]) -> str:
    slots = [_slots(program, part.name) for part in program.populations]
    kept = program.header() | {"units": [part.scale.tolist() for part in program.populations]}
    kept |= {"format": FORMAT, "version": 1, "blocks": [len(each) for each in laid]}
    kept["synapses"] = [len(edge.weight) for edge in program.edges]
    # a comment must not end in the middle, nor seem to begin again
    comment = json.dumps(kept).replace("*/", "*\\/").replace("/*", "\\/*")
    parts = [block for each in laid for block in each]
    weight = _together([block.weight for block in parts])
    post = _together([block.post for block in parts if block.post is not None])
    decay = np.concatenate([part.decay for part in program.populations])
    sizes = _sizes(program) | {
        "SNN_RING": sum(n * part.size for n, part in zip(slots, program.populations, strict=True))
    }
    lines = [f"/* {comment}\n */", "#ifndef NETWORK_H", "#define NETWORK_H", "", "#include <stdint.h>", ""]
    lines += [f"#define {name} {value}" for name, value in sizes.items()]
    lines += ["", f"typedef {c_layout.smallest(weight, signed=True)} snn_weight;"]
    lines += [f"typedef {c_layout.smallest(post, signed=False)} snn_target;"]
    lines += [f"typedef {c_layout.smallest(decay, signed=False)} snn_decay;", "", "#endif", ""]
    return "\n".join(lines)


def _sizes(program: Program) -> dict[str, Any]:
    fixed, names = _fixed(program), [part.name for part in program.populations]
    decided = program.decision is not None
    sizes: dict[str, Any] = {
        "SNN_CHANNELS": program.channels,
        "SNN_POPULATIONS": len(names),
        "SNN_NEURONS": program.size,
        "SNN_STEP_US": f"{1e3 * program.time_step_ms:.6f}",
        "SNN_EXTRA_STEPS": program.extra_steps,
        "SNN_DECAY_BITS": fixed.decay_bits,
        "SNN_WEIGHT_SHIFT": fixed.weight_shift,
        "SNN_LIMIT": fixed.limit,
        "SNN_MOST_COUNT": c_layout.most_count(program),
        "SNN_READOUT": f"({names.index(program.readout) if program.readout else -1})",
        "SNN_DECISION": DECISIONS.index(str(program.decision)) + 1 if decided else 0,
        "SNN_SCORES": program.population(str(program.readout)).size if decided else 1,
    }
    if decided:
        unit, scale = c_layout.units(program, program.population(str(program.readout)))
        sizes["SNN_UNIT_BITS"] = int(unit.max()).bit_length()
        sizes["SNN_SCALE_BITS"] = scale
        sizes["SNN_FRACTION_BITS"] = min(c_layout.FRACTION_BITS, scale)
    return sizes


def _data(program: Program, laid: list[list[Block]]) -> str:
    whole = [(number, block) for number, block in enumerate(block for each in laid for block in each)]
    lines = ['#include "snn.h"', "", "#include <stddef.h>", ""]
    for number, block in whole:
        lines += _block(number, block)
    names = [part.name for part in program.populations]
    by_source = sorted(whole, key=lambda each: [INPUT, *names].index(each[1].source))
    rows = [_edge(number, block, names.index(block.target)) for number, block in by_source]
    lines += [f"const snn_edge snn_edges[] = {{{', '.join(rows) or '{NULL, NULL, NULL, NULL, 0}'}}};"]
    count = [sum(block.source == name for _, block in whole) for name in (INPUT, *names)]
    lines.append(_array("const uint16_t snn_outgoing", np.cumsum([0, *count]), "SNN_POPULATIONS + 2"))
    lines += [f"const snn_population snn_populations[SNN_POPULATIONS] = {{{_populations(program)}}};"]
    for kind, name in (("snn_decay", "decay"), ("int32_t", "threshold"), ("int32_t", "bias")):
        values = np.concatenate([getattr(part, name) for part in program.populations])
        lines.append(_array(f"const {kind} snn_{'biase' if name == 'bias' else name}s", values, "SNN_NEURONS"))
    if program.decision is not None:
        unit, _ = c_layout.units(program, program.population(str(program.readout)))
        lines.append(_array("const uint32_t snn_units", unit, "SNN_SCORES"))
    if program.decision == "summed_softmax":
        lines.append(_array("const uint32_t snn_powers", c_layout.powers(), "65"))
    return "\n".join([*lines, ""])


def _block(number: int, block: Block) -> Iterator[str]:
    yield _array(f"static const snn_weight snn_weight{number}", block.weight)
    yield _array(f"static const uint8_t snn_delay{number}", block.delay)
    if block.first is not None and block.post is not None:
        yield _array(f"static const uint32_t snn_first{number}", block.first)
        yield _array(f"static const snn_target snn_post{number}", block.post)


def _edge(number: int, block: Block, target: int) -> str:
    ends = "NULL, NULL" if block.first is None else f"snn_first{number}, snn_post{number}"
    return f"{{snn_weight{number}, snn_delay{number}, {ends}, {target}}}"


def _populations(program: Program) -> str:
    rows, first, ring = [], 0, 0
    for part in program.populations:
        slots = _slots(program, part.name)
        rows.append(f"{{{first}, {part.size}, {ring}, {slots}, {_MODELS[part.model]}}}")
        first, ring = first + part.size, ring + slots * part.size
    return ", ".join(rows)


def _slots(program: Program, name: str) -> int:
    return 1 + max((edge.longest() for edge in program.edges if edge.target == name), default=0)


def _array(declared: str, values: np.ndarray, size: str = "") -> str:
    numbers = [str(int(value)) for value in values] or ["0"]
    rows = [", ".join(numbers[k : k + 24]) for k in range(0, len(numbers), 24)]
    return f"{declared}[{size}] = {{\n    " + ",\n    ".join(rows) + "};\n"


def _together(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def _fixed(program: Program) -> FixedPoint:
    if program.fixed is None:
        raise ValueError("export to c: the program is in floats; quantize it")
    return program.fixed


def _arrays(text: str) -> dict[str, np.ndarray]:
    found = re.findall(r"^(?:static )?const \w+ (snn_\w+)\[[^\]]*\] = \{\n([-0-9,\s]*)\};", text, re.MULTILINE)
    made = {}
    for name, row in found:
        try:
            made[name] = np.array(row.split(","), np.int64)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"network.c: {name} must be whole numbers of 64 bits: {error}") from error
    return made


def _built(header: Header, arrays: dict[str, np.ndarray]) -> Program:
    populations, start = [], 0
    for (name, rule), unit in zip(
        header.populations, arrays_field(header.table, "units", count=len(header.populations)), strict=True
    ):
        part = slice(start, start + len(unit))
        neurons = (_array_of(arrays, f"snn_{each}")[part] for each in ("decays", "thresholds", "biases"))
        populations.append(Population(name, rule, *neurons, unit))
        start += len(unit)
    size, edges, number = header.sizes(populations), [], 0
    blocks, synapses = (list_field(header.table, name, int, count=len(header.edges)) for name in ("blocks", "synapses"))
    for (source, target), count, synapse in zip(header.edges, blocks, synapses, strict=True):
        if count < 1:
            raise ValueError(f"header: blocks must be 1 or more, not {count}")
        made = [_read_block(source, target, number + k, arrays) for k in range(count)]
        edges.append(c_layout.joined(made, sources=size[source], targets=size[target], synapses=synapse))
        number += count
    return header.program(populations, edges)


def _read_block(source: str, target: str, number: int, arrays: dict[str, np.ndarray]) -> Block:
    weight, delay = (_array_of(arrays, f"snn_{each}{number}") for each in ("weight", "delay"))
    block = Block(source, target, weight, delay)
    if f"snn_first{number}" not in arrays:
        return block
    first, post = arrays[f"snn_first{number}"], _array_of(arrays, f"snn_post{number}")
    # C has no array of no elements, so an empty list holds a 0 that none of the sources owns
    kept = slice(0, int(first[-1]))
    return replace(block, weight=weight[kept], delay=delay[kept], first=first, post=post[kept])


def _array_of(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"network.c: there is no array {name}")
    return arrays[name]
