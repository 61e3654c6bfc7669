"""The self-test of the C runtime: a recording, and what snnsim's simulator computes from it.

golden_event     step, channel, count      golden_spike    step, neuron of the network, 1
golden_voltage   (neuron,) at the end      golden_second    (neuron,) second variables at the end, if there are some
GOLDEN_CHOICE   the class, or -1 where two are within a thousandth

Events and spikes end in a row of the step after the last one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snnsim.program import Program
from snnsim.simulation import Events, Probe, Result, Simulator

STEPS, RATE = 50, 0.05
"""Steps of the random recording, and the probability that a channel spikes in a step."""


def golden(program: Program, recording: Events | None, most_count: int) -> str:
    """Return the text of golden.h.

    Args:
        program: The Program.
        recording: One recording; by default random spikes.
        most_count: The most spikes of a channel in a step.

    Raises:
        ValueError: If there are several recordings, or a channel spikes more often in a step.
    """
    if recording is None:
        recording = Events.random(1, steps=STEPS, channels=program.channels, rate=RATE, max_count=min(most_count, 2))
    if len(recording) != 1 or recording.count.max(initial=1) > most_count:
        raise ValueError(
            f"export to c: the recording of the self-test must be one, of at most {most_count} spikes per step and "
            f"channel, not {len(recording)}, of up to {recording.count.max(initial=0)}"
        )
    result = Simulator(program).run(recording, Probe(spikes=True))
    spikes, steps = _spikes(result), int(result.length[0])
    voltage, second = _state(program, recording, steps)
    choice = _choice(program, result)
    events = list(zip(recording.step, recording.channel, recording.count, strict=True))
    lines = [
        "#ifndef GOLDEN_H\n#define GOLDEN_H\n\n#include <stdint.h>\n",
        f"#define GOLDEN_STEPS {steps}u",
        f"#define GOLDEN_SPIKES {len(spikes)}u\n#define GOLDEN_CHOICE ({choice})\n",
        "typedef struct {\n    uint32_t step, number;\n    uint8_t count;\n} golden_row;\n",
        _rows("golden_event", [*events, (steps, 0, 0)]),
        _rows("golden_spike", [*spikes, (steps, 0, 0)]),
        f"static const int32_t golden_voltage[] = {{{', '.join(map(str, voltage))}}};\n",
    ]
    if second:
        lines.append(f"static const int32_t golden_second[] = {{{', '.join(map(str, second))}}};\n")
    lines.append("#endif\n")
    return "\n".join(lines)


def _spikes(result: Result) -> list[tuple[int, int, int]]:
    order = np.lexsort((result.spike_neuron, result.spike_step))
    return [(int(result.spike_step[k]), int(result.spike_neuron[k]), 1) for k in order]


def _state(program: Program, recording: Events, steps: int) -> tuple[list[int], list[int]]:
    """Return the voltages after the last step, and the second variables, if a model of the Program has one."""
    simulator = Simulator(program)
    longer = replace(recording, length=np.full(1, steps))
    _, state = simulator.feed(longer, simulator.start())
    values = state.voltage[0].astype(np.int64).tolist()
    return values[: program.size], values[program.size :]


def _choice(program: Program, result: Result) -> int:
    if program.decision is None:
        return -1
    scores = result.scores()[0]
    order = np.argsort(scores)
    near = len(scores) > 1 and scores[order[-1]] - scores[order[-2]] <= 1e-3 * np.abs(scores).max()
    return -1 if near else int(order[-1])


def _rows(name: str, rows: Sequence[tuple[int, int, int]]) -> str:
    texts = [f"{{{step}, {number}, {count}}}" for step, number, count in rows]
    lines = [", ".join(texts[k : k + 8]) for k in range(0, len(texts), 8)]
    return f"static const golden_row {name}[] = {{\n    " + ",\n    ".join(lines) + "};\n"
