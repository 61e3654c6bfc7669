"""From a folder in C99 back to the Program, from the numbers that the compiler reads."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim import untrusted
from snnsim.export.c import layout
from snnsim.export.c.layout import Block
from snnsim.export.c.write import FORMAT
from snnsim.export.common import reading
from snnsim.files import folder_read_whole
from snnsim.program import Population, Program
from snnsim.program.header import Header, arrays_field, list_field
from snnsim.program.models import array_names

_ARRAY = re.compile(r"^(?:static )?const \w+ (snn_\w+)\[[^\]]*\] = \{\n([-0-9,\s]*)\};", re.MULTILINE)


def claims(folder: Path) -> bool:
    """Return whether a folder is of this target.

    Args:
        folder: The folder, which may be empty or of another target.
    """
    return all((folder / name).is_file() for name in ("network.h", "network.c", "snn.c"))


def read(path: Path) -> Program:
    """Return the Program of a folder of `write`.

    Args:
        path: The folder. The file network.h has the header, and network.c the arrays.

    Raises:
        ValueError: If it is damaged.
    """
    path = Path(path)
    with reading(path, "was not written by `snnsim export --to c`"), folder_read_whole(path):
        text = untrusted.read_text(path / "network.h")
        comment = text[text.find("{") : max(text.find("\n */"), 0)]
        header = Header.of(untrusted.parse_object(comment, where="the comment of network.h"), form=FORMAT)
        return _program(header, _arrays(untrusted.read_text(path / "network.c")))


def _arrays(text: str) -> dict[str, np.ndarray]:
    arrays = {}
    for name, row in _ARRAY.findall(text):
        try:
            arrays[name] = np.array(row.split(","), np.int64)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"network.c: {name} must be whole numbers of 64 bits: {error}") from error
    return arrays


def _program(header: Header, arrays: dict[str, np.ndarray]) -> Program:
    populations, start = [], 0
    scales = arrays_field(header.table, "units", count=len(header.populations))
    for (name, model), scale in zip(header.populations, scales, strict=True):
        neurons = slice(start, start + len(scale))
        names = [each for each in array_names(model) if each != "scale"]
        values = {each: _array(arrays, layout.ARRAYS[each][1])[neurons] for each in names}
        populations.append(Population(name, model, **values, scale=scale))
        start += len(scale)
    size, edges, number = header.sizes(populations), [], 0
    counts, synapses = (list_field(header.table, name, int, count=len(header.edges)) for name in ("blocks", "synapses"))
    for (source, target), count, synapse_count in zip(header.edges, counts, synapses, strict=True):
        if count < 1:
            raise ValueError(f"header: blocks must be 1 or more, not {count}")
        blocks = [_block(source, target, number + k, arrays) for k in range(count)]
        edges.append(layout.edge_of(blocks, sources=size[source], targets=size[target], synapses=synapse_count))
        number += count
    return header.program(populations, edges)


def _block(source: str, target: str, number: int, arrays: dict[str, np.ndarray]) -> Block:
    weight, delay = (_array(arrays, f"snn_{name}{number}") for name in ("weight", "delay"))
    block = Block(source, target, weight, delay)
    if f"snn_first{number}" not in arrays:
        return block
    indptr, post = arrays[f"snn_first{number}"], _array(arrays, f"snn_post{number}")
    # C has no array without elements, so an empty list holds a 0 that none of the sources owns
    owned = slice(0, int(indptr[-1]))
    return replace(block, weight=weight[owned], delay=delay[owned], indptr=indptr, post=post[owned])


def _array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"network.c: there is no array {name}")
    return arrays[name]
