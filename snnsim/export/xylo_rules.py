"""Design rules of Xylo Audio 2, and the repairs that bring a Program nearer to them.

    fires where W ≥ L = ⌈(θ − b) / 2^shift⌉      once, as long as Σ max(w, 0) < 2 L

Names    W sum of the integer weights that arrive in a step · θ threshold · b bias · L the chip's threshold
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from snnsim.export import repairs
from snnsim.export.checks import Violation, called
from snnsim.export.repairs import Counts, Repair
from snnsim.program import Population, Program
from snnsim.quantization import Scheme

CHANNELS, HIDDEN, OUTPUTS = 16, 1000, 8
SCHEME = Scheme("int7", None, "layer", word_bits=24, decay_bits=12, weight_shift=6)
WORD = 2**14 - 1
"""A current is twice the sum of weights before it decays, in 16 bits."""


def sizes(program: Program) -> Iterator[Violation]:
    """Channels and outputs are as many as the chip has, and the readout is one."""
    if program.channels > CHANNELS:
        yield Violation(
            "sizes", "input", f"there must be at most {CHANNELS} channels, not {program.channels}",
            f"train with data.channels = {CHANNELS} or fewer", None,
        )  # fmt: skip
    outputs = [part for part in program.populations if not part.fires]
    if len(outputs) > 1 or sum(part.size for part in outputs) > OUTPUTS:
        yield Violation(
            "sizes", "outputs", f"there must be one readout, of at most {OUTPUTS} neurons, not "
            f"{', '.join(str(part.size) for part in outputs)}", "train on data of fewer classes", None,
        )  # fmt: skip


def hidden(program: Program, count: int) -> Iterator[Violation]:
    """Neurons and relays are no more than the hidden neurons of the chip."""
    neurons = sum(part.size for part in program.populations if part.fires)
    if count > HIDDEN:
        yield Violation(
            "hidden", "program",
            f"there must be at most {HIDDEN} hidden neurons, not {neurons} and {count - neurons} relays, one for each "
            "step of a source's longest delay", "train with fewer neurons, or a shorter network.max_delay_ms", None,
        )  # fmt: skip


def forgetting(program: Program) -> Iterator[Violation]:
    """Membranes are forgotten in each step: the chip's decays are shifts, which round in another way than ours."""
    for part in program.populations:
        if part.decay.any():
            yield Violation(
                "forgetting", called(part), f"decays must be 0, not up to {part.decay.max():g}",
                "train with a network.tau_ms far below the time step, and delays as the memory", "forget",
            )  # fmt: skip


def single_spikes(program: Program) -> Iterator[Violation]:
    """No neuron fires without input, and no sum of its weights reaches twice its threshold: it would fire twice."""
    for part in program.populations:
        if not part.fires:
            continue
        limit, most = limits(program, part), positive(program, part)
        if limit.min() < 1 or limit.max() > WORD:
            yield Violation(
                "single_spikes", called(part),
                f"thresholds less biases must be from 1 to {WORD} weights, not {limit.min()} to {limit.max()}",
                "train with network.batch_norm = false", None,
            )  # fmt: skip
        elif (most >= 2 * limit).any():
            yield Violation(
                "single_spikes", called(part),
                f"the positive weights of a neuron must add up to less than twice its threshold, or it may fire "
                f"twice; those of {int((most >= 2 * limit).sum())} of {part.size} do not",
                "train with network.sparsity, so that a neuron has few synapses", "cap_sums",
            )  # fmt: skip


def words(program: Program) -> Iterator[Violation]:
    """All weights of a neuron, at once, fit into half of the chip's word."""
    for part in program.populations:
        total = np.zeros(part.size, np.int64)
        for edge in program.edges:
            if edge.target == part.name:
                np.add.at(total, edge.post, np.abs(edge.weight.astype(np.int64)))
        if total.max() > WORD:
            yield Violation(
                "words", called(part), f"the weights of a neuron must add up to {WORD} or less, not {total.max()}",
                "prune: snnsim prune", None,
            )  # fmt: skip


def limits(program: Program, part: Population) -> np.ndarray:
    """Return the sum of weights from which each neuron fires."""
    shift = program.fixed.weight_shift if program.fixed else 0
    return -(-(part.threshold - part.bias) // 2**shift)


def positive(program: Program, part: Population) -> np.ndarray:
    """Return the sum of each neuron's positive weights."""
    total = np.zeros(part.size, np.int64)
    for edge in program.edges:
        if edge.target == part.name:
            np.add.at(total, edge.post, np.maximum(edge.weight, 0).astype(np.int64))
    return total


def forget(program: Program) -> tuple[Program, Counts]:
    """Let every membrane be forgotten in each step."""
    changed = [replace(part, decay=np.zeros_like(part.decay)) for part in program.populations]
    most = max(float(part.decay.max()) for part in program.populations) / 2 ** (
        program.fixed.decay_bits if program.fixed else 0
    )
    return replace(program, populations=tuple(changed)), {
        "decays_changed": sum(int(np.count_nonzero(part.decay)) for part in program.populations),
        "largest_change": most,
    }


def cap_sums(program: Program) -> tuple[Program, Counts]:
    """Make the positive weights of neurons smaller whose sum reaches twice the threshold."""
    parts = {part.name: part for part in program.populations}
    factor = {}
    for name, part in parts.items():
        room, most = 2 * limits(program, part) - 1, positive(program, part)
        factor[name] = np.minimum(1.0, room / np.maximum(most, 1)) if part.fires else np.ones(part.size)
    edges, changed = [], 0
    for edge in program.edges:
        scaled = np.where(edge.weight > 0, np.floor(edge.weight * factor[edge.target][edge.post]), edge.weight)
        there = scaled != 0
        changed += int((scaled != edge.weight).sum())
        synapses = (edge.pre()[there], edge.post[there], edge.delay[there], scaled[there].astype(edge.weight.dtype))
        edges.append(type(edge).of(edge.source, edge.target, synapses, sources=program.sources(edge.source)))
    return replace(program, edges=tuple(edges)), {
        "neurons_changed": sum(int((each < 1).sum()) for each in factor.values()),
        "weights_changed": changed,
    }


REPAIRS: Mapping[str, Repair] = {
    "quantize": partial(repairs.requantize, scheme=SCHEME),
    "join_taps": repairs.join_taps,
    "requantize": partial(repairs.requantize, scheme=SCHEME),
    "forget": forget,
    "cap_sums": cap_sums,
}
