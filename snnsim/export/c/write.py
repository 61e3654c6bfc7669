"""From a Program in integers to a folder in C99."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.c import layout
from snnsim.export.c.golden import golden
from snnsim.export.c.layout import Block
from snnsim.files import folder_written_whole
from snnsim.program import DECISIONS, INPUT, MODELS, FixedPoint, Program
from snnsim.simulation import Events

FORMAT = "snnsim C99"
_RUNTIME = ("snn.h", "snn.c", "run.c", "test.c", "bench.c", "Makefile")
_EXECUTED = ("snn.h", "snn.c", "run.c", "network.h", "network.c")
FORMER_RUNTIME = frozenset(
    {
        "ed7e1df37944d0cbe8280ae04d5142e39f753e7e19d2568b90557a7f9fd81dac",
        "58dbe7d47a6a5fc741c4f7a067e22c0ed381b90a4f18aa80e504a58d4d7b9da5",
        "96206d1660c8e62f550eb8e1751ccda465a361a98b0857104b7f4da051fb5121",
    }
)
"""SHA-256 of snn.c, snn.h and run.c of earlier versions."""
_RESETS = {"hard": "SNN_HARD", "soft": "SNN_SOFT", None: "SNN_READS"}


def write(
    program: Program, path: Path, *, recording: Events | None = None, ear: Mapping[str, str] | None = None
) -> None:
    """Write the folder.

    Args:
        program: A Program in integers.
        path: The folder.
        recording: One recording for the self-test and the benchmark; by default random spikes.
        ear: Texts by file name of the inner-ear model, as `snnsim.listening.in_c.files` returns them; by default none.

    Raises:
        ValueError: If the Program is in floats, or the recording does not fit the runtime.
    """
    texts = source_files(program) | {"golden.h": golden(program, recording, layout.most_count(program))}
    texts |= ear or {}
    with folder_written_whole(path) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")


def source_files(program: Program) -> dict[str, str]:
    """Return the text of each file of the folder, except golden.h.

    Args:
        program: Program that keeps the rules of the target.
    """
    blocks, runtime = layout.blocks(program), resources.files("snnsim.export.c") / "runtime"
    texts = {name: (runtime / name).read_text(encoding="utf-8") for name in _RUNTIME}
    return texts | {"network.h": _network_h(program, blocks), "network.c": _network_c(program, blocks)}


def executed(program: Program) -> dict[str, str]:
    """Return the text of each file that `snnsim verify` compiles and runs.

    Args:
        program: Program that keeps the rules of the target.
    """
    return {name: text for name, text in source_files(program).items() if name in _EXECUTED}


def _network_h(program: Program, blocks: list[list[Block]]) -> str:
    fields = program.header() | {"units": [population.scale.tolist() for population in program.populations]}
    fields |= {"format": FORMAT, "version": 1, "blocks": [len(each) for each in blocks]}
    fields["synapses"] = [len(edge.weight) for edge in program.single_edges]
    # a comment must not end in the middle, nor seem to begin again
    comment = re.sub(r"(?<=\*)/|/(?=\*)", r"\\/", json.dumps(fields))
    flat = [block for each in blocks for block in each]
    weight = _concatenated(block.weight for block in flat)
    post = _concatenated(block.post for block in flat if block.post is not None)
    decay = layout.parameter(program, "decay")
    lines = [f"/* {comment}\n */", "#ifndef NETWORK_H", "#define NETWORK_H", "", "#include <stdint.h>", ""]
    lines += [f"#define {name} {value}" for name, value in _sizes(program).items()]
    lines += ["", f"typedef {layout.smallest_type(weight, signed=True)} snn_weight;"]
    lines += [f"typedef {layout.smallest_type(post, signed=False)} snn_target;"]
    lines += [f"typedef {layout.smallest_type(decay, signed=False)} snn_decay;"]
    models = layout.second_models(program)
    if models:
        factor = np.concatenate([layout.parameter(program, name) for name in layout.FACTORS])
        lines += [f"typedef {layout.smallest_type(factor, signed=True)} snn_factor;"]
        lines += [f"#define SNN_HAS_{model.upper()} 1" for model in models]
    return "\n".join([*lines, "", "#endif", ""])


def _sizes(program: Program) -> dict[str, Any]:
    fixed, names = _fixed_point(program), [population.name for population in program.populations]
    decides = program.decision is not None
    sizes: dict[str, Any] = {
        "SNN_CHANNELS": program.channels,
        "SNN_POPULATIONS": len(names),
        "SNN_NEURONS": program.size,
        "SNN_STEP_US": f"{1e3 * program.time_step_ms:.6f}",
        "SNN_EXTRA_STEPS": program.extra_steps,
        "SNN_DECAY_BITS": fixed.decay_bits,
        "SNN_WEIGHT_SHIFT": fixed.weight_shift,
        "SNN_LIMIT": fixed.limit,
        "SNN_MOST_COUNT": layout.most_count(program),
        "SNN_READOUT": f"({names.index(program.readout) if program.readout else -1})",
        "SNN_DECISION": DECISIONS.index(str(program.decision)) + 1 if decides else 0,
        "SNN_SCORES": program.population(str(program.readout)).size if decides else 1,
    }
    if decides:
        unit, scale = layout.units(program, program.population(str(program.readout)))
        sizes["SNN_UNIT_BITS"] = int(unit.max()).bit_length()
        sizes["SNN_SCALE_BITS"] = scale
        sizes["SNN_FRACTION_BITS"] = min(layout.FRACTION_BITS, scale)
    sizes["SNN_RING"] = sum(
        layout.ring_slots(program, population.name) * population.size for population in program.populations
    )
    return sizes


def _network_c(program: Program, blocks: list[list[Block]]) -> str:
    numbered = list(enumerate(block for each in blocks for block in each))
    lines = ['#include "snn.h"', "", "#include <stddef.h>", ""]
    for number, block in numbered:
        lines += _block_lines(number, block)
    names = [population.name for population in program.populations]
    by_source = sorted(numbered, key=lambda each: [INPUT, *names].index(each[1].source))
    rows = [_edge_row(number, block, names.index(block.target)) for number, block in by_source]
    lines += [f"const snn_edge snn_edges[] = {{{', '.join(rows) or '{NULL, NULL, NULL, NULL, 0}'}}};"]
    count = [sum(block.source == name for _, block in numbered) for name in (INPUT, *names)]
    lines.append(_array("const uint16_t snn_outgoing", np.cumsum([0, *count]), "SNN_POPULATIONS + 2"))
    lines += [f"const snn_population snn_populations[SNN_POPULATIONS] = {{{_population_rows(program)}}};"]
    for name in layout.parameters(program):
        kind, array = layout.ARRAYS[name]
        lines.append(_array(f"const {kind} {array}", layout.parameter(program, name), "SNN_NEURONS"))
    if program.decision is not None:
        unit, _ = layout.units(program, program.population(str(program.readout)))
        lines.append(_array("const uint32_t snn_units", unit, "SNN_SCORES"))
    if program.decision == "summed_softmax":
        lines.append(_array("const uint32_t snn_powers", layout.powers(), "65"))
    return "\n".join([*lines, ""])


def _block_lines(number: int, block: Block) -> Iterator[str]:
    yield _array(f"static const snn_weight snn_weight{number}", block.weight)
    yield _array(f"static const uint8_t snn_delay{number}", block.delay)
    if block.indptr is not None and block.post is not None:
        yield _array(f"static const uint32_t snn_first{number}", block.indptr)
        yield _array(f"static const snn_target snn_post{number}", block.post)


def _edge_row(number: int, block: Block, target: int) -> str:
    ends = "NULL, NULL" if block.indptr is None else f"snn_first{number}, snn_post{number}"
    return f"{{snn_weight{number}, snn_delay{number}, {ends}, {target}}}"


def _population_rows(program: Program) -> str:
    rows, start, ring = [], 0, 0
    for population in program.populations:
        slots = layout.ring_slots(program, population.name)
        reset, model = _RESETS[MODELS[population.model].reset], layout.second_model(population)
        rule = f"{reset} + SNN_{model.upper()}" if model else reset
        rows.append(f"{{{start}, {population.size}, {ring}, {slots}, {rule}}}")
        start, ring = start + population.size, ring + slots * population.size
    return ", ".join(rows)


def _array(declaration: str, values: np.ndarray, size: str = "") -> str:
    # C has no array without elements
    numbers = [str(int(value)) for value in values] or ["0"]
    rows = [", ".join(numbers[k : k + 24]) for k in range(0, len(numbers), 24)]
    return f"{declaration}[{size}] = {{\n    " + ",\n    ".join(rows) + "};\n"


def _concatenated(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def _fixed_point(program: Program) -> FixedPoint:
    if program.fixed is None:
        raise ValueError("export to c: the program is in floats; quantize it")
    return program.fixed
