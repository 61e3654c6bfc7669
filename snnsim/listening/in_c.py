"""Listening in C: the files of the inner-ear model beside the network of `snnsim export --to c`.

    ear_tables.h    sizes and numbers of the model          ear_tables.c    ramps, filters, transfer functions, names
    ear.h ear*.c    the model, sample by sample              wav.h wav.c     a WAV, sample by sample
    listen.c        a WAV from standard input through model and network, with a live decision

The transfer function of a place is written from 0 Hz up to the last frequency at which it is 1e-8 of its largest value
or more; what is left out is less than the rounding of 32 bits.

Exact    numbers are written as C reads them back, to the last bit
"""

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from importlib import resources
from typing import Any

import numpy as np
import scipy

from snnsim.data.speech import basilar_membrane, cochlea, nerve_cells
from snnsim.data.speech.basilar_membrane import LAG, RATE
from snnsim.data.speech.cochlea import CHANNELS, LONGEST_S, RAMP
from snnsim.data.speech.streaming import SEGMENT
from snnsim.export.c import layout
from snnsim.program import Program

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Samples per second that a sound may have in C."""
_SEED, _CELLS_PER_PLACE = 0, 5
_RUNTIME = (
    "ear.h", "ear.c", "ear_resample.c", "ear_membrane.c", "ear_cells.c", "wav.h", "wav.c", "listen.c", "ear.mk",
)  # fmt: skip
_LEAST = 1e-8
_ZEROS = re.compile("0+p")
# a filter of scipy.signal.resample_poly reaches over this many samples of the lower rate
_REACH = 10
# the longest distance of two times in float16 seconds within LONGEST_S
_COARSEST_MS = 1000 * 2.0**-5


def files(program: Program) -> dict[str, str]:
    """Return the text of each file of the inner-ear model, for the option `ear` of the target c.

    Args:
        program: A Program of one readout of classes, on channels of the inner-ear model.

    Raises:
        ValueError: If the Program has other channels or another task, or a step could have too many spikes.
    """
    _check(program)
    runtime = resources.files("snnsim.listening") / "runtime"
    texts = {name: (runtime / name).read_text(encoding="utf-8") for name in _RUNTIME}
    table = basilar_membrane.transfer_function(CHANNELS // _CELLS_PER_PLACE, SEGMENT)
    rows = [row[: 1 + int(np.flatnonzero(np.abs(row) >= _LEAST * np.abs(row).max())[-1])] for row in table]
    return texts | {"ear_tables.h": _header(program, sum(map(len, rows))), "ear_tables.c": _tables(program, rows)}


def _check(program: Program) -> None:
    if program.channels > CHANNELS or CHANNELS % program.channels:
        raise ValueError(
            f"export to c: for the inner-ear model, the number of channels must divide its {CHANNELS}; the program has "
            f"{program.channels}; take one of speech, such as that of `snnsim train digits`, or leave out --ear"
        )
    if program.task != "class" or len(program.readouts) != 1 or program.decision is None:
        raise ValueError(
            "export to c: for the inner-ear model, the program must have one readout, whose task is the class of a "
            f"recording; it has {len(program.readouts)} for the task {program.task}; leave out --ear"
        )
    cells, refractory_ms = CHANNELS // program.channels, 1000 * nerve_cells.REFRACTORY / RATE
    spikes = cells * (math.ceil((program.time_step_ms + _COARSEST_MS) / refractory_ms) + 1)
    most = layout.most_count(program, cap=2**16 - 1)
    if spikes > most:
        raise ValueError(
            f"export to c: {spikes} spikes of the inner-ear model can fall on a channel in a step of "
            f"{program.time_step_ms:g} ms, and the sums of the network hold {most}; use shorter steps or more channels"
        )


def _header(program: Program, transfer: int) -> str:
    hop = basilar_membrane.hop_of(SEGMENT)
    slots = math.ceil((1000 * hop / RATE + _COARSEST_MS) / program.time_step_ms) + 2
    sizes: dict[str, Any] = {
        "EAR_RATE": RATE, "EAR_RATES": len(RATES), "EAR_FASTEST": max(RATES),
        "EAR_RATES_TEXT": f'"{", ".join(map(str, RATES))}"',
        "EAR_LONGEST_S": int(LONGEST_S), "EAR_LONGEST_TEXT": f'"{LONGEST_S:g}"',
        "EAR_RAMP": RAMP, "EAR_SEGMENT": SEGMENT, "EAR_HOP": hop, "EAR_LAG": LAG, "EAR_TRANSFER": transfer,
        "EAR_PLACES": CHANNELS // _CELLS_PER_PLACE, "EAR_CELLS_PER_PLACE": _CELLS_PER_PLACE,
        "EAR_CHANNELS": program.channels, "EAR_CELLS_PER_CHANNEL": CHANNELS // program.channels,
        "EAR_CLASSES": len(_classes(program)), "EAR_SLOTS": slots, "EAR_STEP_MS": _number(program.time_step_ms),
        "EAR_RMS": _number(cochlea.RMS), "EAR_SEED": f"UINT64_C({_SEED})",
        "EAR_FIBERS": nerve_cells.FIBERS, "EAR_REFRACTORY": nerve_cells.REFRACTORY,
    }  # fmt: skip
    sizes |= {f"EAR_{name}": _number(value) for name, value in _numbers().items()}
    lines = [f"#define {name} {value}" for name, value in sizes.items()]
    return "\n".join(["#ifndef EAR_TABLES_H", "#define EAR_TABLES_H", "", *lines, "", "#endif", ""])


def _numbers() -> dict[str, float]:
    """Return the numbers of the cells for a step, in the products that `nerve_cells` computes."""
    step, rest = 1 / RATE, nerve_cells.resting_stores(1)[:, 0]
    return {
        "A": nerve_cells.A, "B": nerve_cells.B, "M": nerve_cells.M,
        "G": nerve_cells.G * step, "X": nerve_cells.X * step, "Y": nerve_cells.Y * step, "R": nerve_cells.R * step,
        "FIRE": nerve_cells.H * step, "L_AND_R": (nerve_cells.L + nerve_cells.R) * step,
        "REST_FREE": rest[0], "REST_CLEFT": rest[1], "REST_REPROCESSED": rest[2],
        "SYNAPSE_DECAY": math.exp(-step / nerve_cells.SYNAPSE_S),
        "MEMBRANE_DECAY": math.exp(-step / nerve_cells.MEMBRANE_S),
        "BUSHY_WEIGHT": nerve_cells.BUSHY_WEIGHT,
    }  # fmt: skip


def _tables(program: Program, transfer: list[np.ndarray]) -> str:
    angle = 2 * np.pi * np.arange(SEGMENT) / SEGMENT
    turns = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = np.cumsum([0, *map(len, transfer)])
    flat = np.concatenate(transfer)
    lines = ['#include "ear.h"', "", "#include <stddef.h>", ""]
    rows = []
    for rate in RATES:
        ratio, values = Fraction(RATE, rate), _filter(rate)
        lines.append(_array(f"static const double ear_filter{rate}", map(_number, values)))
        rows.append(f"{{{rate}, {ratio.numerator}, {ratio.denominator}, {len(values) // 2}, ear_filter{rate}}}")
    lines.append(_array("const ear_rate ear_rates", rows, "EAR_RATES"))
    lines.append(_array("const double ear_ramp", map(_number, cochlea.ramps()[0]), "EAR_RAMP"))
    lines.append(_array("const double ear_turns", _pairs(turns), "EAR_SEGMENT][2"))
    lines.append(_array("const uint32_t ear_first", map(str, first), "EAR_PLACES + 1"))
    factors = np.stack([flat.real, flat.imag], axis=1)
    lines.append(_array("const float ear_transfer", _pairs(factors), "EAR_TRANSFER][2"))
    lines.append(_array("const char *const ear_classes", map(_quoted, _classes(program)), "EAR_CLASSES"))
    return "\n".join(lines)


def _filter(rate: int) -> np.ndarray:
    """Return the factors of `scipy.signal.resample_poly` from a rate to 24 kHz; one factor at 24 kHz."""
    ratio = Fraction(RATE, rate)
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return np.ones(1)
    half = _REACH * max(up, down)
    factors: np.ndarray = scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0)) * up
    return factors


def _classes(program: Program) -> tuple[str, ...]:
    return program.classes or tuple(map(str, range(program.population(str(program.readout)).size)))


def _pairs(values: np.ndarray) -> Iterable[str]:
    return (f"{{{_number(first)}, {_number(second)}}}" for first, second in values)


def _number(value: float) -> str:
    """Return a number as C reads it back to the last bit."""
    return _ZEROS.sub("p", float(value).hex())


def _quoted(text: str) -> str:
    """Return a string of C: every byte that is no letter, digit or space becomes its octal number."""
    plain = (letter if letter.isascii() and (letter.isalnum() or letter == " ") else _octal(letter) for letter in text)
    return f'"{"".join(plain)}"'


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode())


def _array(declaration: str, values: Iterable[str], size: str = "") -> str:
    numbers = list(values)
    rows = [", ".join(numbers[k : k + 8]) for k in range(0, len(numbers), 8)]
    return f"{declaration}[{size}] = {{\n    " + ",\n    ".join(rows) + "};\n"
