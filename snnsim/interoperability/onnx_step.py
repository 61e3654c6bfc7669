"""One step of a Program as a graph of ONNX, with its state as inputs and outputs.

    input (recording, channel), voltage, pending  →  spikes (recording, neuron), membrane, voltage, pending
    buffer = pending and a row of 0;  each synapse: buffer[d, target] += w · spike     in the order of the simulator

Voltages and pending currents are those of `snnsim.simulation.State`, so a state may go on in either. The nodes compute
the operations of the clock-driven engine in its order, so results are equal bit for bit, in floats and in integers.

Shapes   voltage (recording, variable), pending (recording, delay, neuron) · neurons of all populations in their order
Units    a call is a step of the Program
Source   ONNX, operators of version 18
Differs  stochastic neurons are refused, as ONNX has no random numbers of a counter, and so are graded messages
         convolutions are written as their single synapses
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.files import written_whole
from snnsim.kernels.simulate.types import HARD, READOUT, FixedParameters
from snnsim.program import MODELS, Program
from snnsim.simulation.lowering import Network, lower
from snnsim.validation import instance, require

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError("onnx must be installed; it is not; run `pip install snnsim[onnx]`") from error

OPERATORS = 18
IR_VERSION = 10
"""Version of the file format, which onnxruntime reads since 1.19."""


def write_onnx(program: Program, path: Path, *, precision: str = "float64") -> None:
    """Write one step of a Program as a graph of ONNX.

    Args:
        program: The Program, without stochastic neurons and graded messages.
        path: The file, such as step.onnx; missing folders above it are made.
        precision: A name in `snnsim.simulation.PRECISIONS`; it has no effect on a Program in integers.

    Raises:
        TypeError: If the program is no Program.
        ValueError: If it has stochastic neurons or graded messages, or the precision is unknown.
        MemoryError: If the single synapses of its convolutions would need more memory than is available.
    """
    instance(program, Program, who="write_onnx", name="program")
    noisy = [each.name for each in program.populations if each.noisy]
    require(not noisy, f"write_onnx: populations must not be stochastic: {', '.join(noisy)}; freeze without noise")
    graded = [each.name for each in program.populations if MODELS[each.model].graded]
    require(not graded, f"write_onnx: neurons must send spikes, and these send graded messages: {', '.join(graded)}")
    model = _Step(program, lower(program.unrolled(), precision)).model()
    with written_whole(Path(path)) as partial:
        partial.write_bytes(model.SerializeToString())


@dataclass(eq=False)
class _Step:
    """The graph of a step, node by node."""

    program: Program
    network: Network
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def model(self) -> Any:
        """Return the model with its checked graph."""
        outputs = self._outputs()
        network, numbers = self.network, self.network.numbers
        sizes: dict[str, tuple[Any, list[Any]]] = {
            "input": (numbers.current, ["recordings", network.channels]),
            "voltage": (numbers.voltage, ["recordings", network.variables]),
            "pending": (numbers.current, ["recordings", network.longest, network.neurons]),
            "spikes": (numbers.current, ["recordings", network.neurons]),
            "membrane": (numbers.voltage, ["recordings", network.neurons]),
            "next_voltage": (numbers.voltage, ["recordings", network.variables]),
            "next_pending": (numbers.current, ["recordings", network.longest, network.neurons]),
        }
        values = {
            name: helper.make_tensor_value_info(name, _type(dtype), shape) for name, (dtype, shape) in sizes.items()
        }
        inputs = [values[name] for name in ("input", "voltage", "pending")]
        initializers = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "step", inputs, [values[name] for name in outputs], initializers)
        opset = helper.make_opsetid("", OPERATORS)
        model = helper.make_model(graph, producer_name="snnsim", opset_imports=[opset], ir_version=IR_VERSION)
        helper.set_model_props(model, self._facts())
        onnx.checker.check_model(model)
        return model

    def _facts(self) -> dict[str, str]:
        bounds = self.network.bounds.tolist()
        names = [population.name for population in self.program.populations]
        ranges = [f"{name}: {begin} to {end - 1}" for name, begin, end in zip(names, bounds, bounds[1:], strict=False)]
        return {
            "time_step_ms": f"{self.program.time_step_ms:g}",
            "neurons": "; ".join(ranges),
            "readout": self.program.readout or "",
            "program": self.program.digest(),
        }

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        """Return the name of a constant.

        Args:
            values: Its values.
            dtype: Their type.
        """
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(np.asarray(values, dtype))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Return the name of the output of a new node.

        Args:
            kind: The operator.
            inputs: Names of its inputs.
            name: Name of the output; empty for a new one.
            attributes: Attributes of the operator.
        """
        output = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def part(self, values: str, begin: int, end: int) -> str:
        """Return the columns from `begin` to before `end`.

        Args:
            values: Name of an array (recording, column).
            begin: The first column.
            end: The column behind the last.
        """
        return self.op("Slice", values, self.constant([begin]), self.constant([end]), self.constant([1]))

    def _outputs(self) -> tuple[str, ...]:
        """Add all nodes, and return the names of the outputs."""
        network = self.network
        neurons, current = network.neurons, network.numbers.current
        rows = self.op("Shape", "input", start=0, end=1)
        shape = self.op("Concat", rows, self.constant([1, neurons]), axis=0)
        zeros = self.op("Expand", self.constant(0, current), shape)
        buffer = self.op("Concat", "pending", zeros, axis=1)
        buffer = self.op("Reshape", buffer, self.constant([0, (network.longest + 1) * neurons]))
        buffer = self._delivered(buffer, "input", 0, network.channels)
        parts: dict[str, list[str]] = {"spikes": [], "membrane": [], "voltage": [], "second": []}
        for begin, end, model, second in self._populations():
            neuron = _Neurons(self, begin, end, second)
            membrane, fired, voltage, variable = neuron.step(self.part(buffer, begin, end), model)
            spikes = self.op("Cast", fired, to=_type(current))
            buffer = self._delivered(buffer, spikes, network.channels + begin, network.channels + end)
            for name, value in zip(parts, (spikes, membrane, voltage, variable), strict=True):
                parts[name].append(value)
        if not network.second.present.any():
            parts["second"] = []
        self.op("Concat", *parts["spikes"], name="spikes", axis=1)
        self.op("Concat", *parts["membrane"], name="membrane", axis=1)
        self.op("Concat", *parts["voltage"], *parts["second"], name="next_voltage", axis=1)
        later = self.part(buffer, neurons, (network.longest + 1) * neurons)
        self.op("Reshape", later, self.constant([-1 if neurons * network.longest else 0, network.longest, neurons]),
                name="next_pending", allowzero=0)  # fmt: skip
        return "spikes", "membrane", "next_voltage", "next_pending"

    def _populations(self) -> Iterator[tuple[int, int, int, bool]]:
        bounds, second = self.network.bounds.tolist(), self.network.second.present
        for number, model in enumerate(self.network.reset.tolist()):
            yield bounds[number], bounds[number + 1], model, bool(second[number])

    def _delivered(self, buffer: str, spikes: str, first: int, end: int) -> str:
        """Return the buffer with the weights of the spikes of some nodes of the network."""
        synapses = self.network.synapses
        begin, stop = int(synapses.indptr[first]), int(synapses.indptr[end])
        if begin == stop:
            return buffer
        source = np.repeat(np.arange(end - first), np.diff(synapses.indptr[first : end + 1].astype(np.int64)))
        offset = self.network.offset()[begin:stop].astype(np.int64)
        values = self.op("Gather", spikes, self.constant(source), axis=1)
        values = self.op("Mul", values, self.constant(synapses.weight[begin:stop], self.network.numbers.current))
        indices = self.op("Expand", self.constant(offset[None]), self.op("Shape", values))
        return self.op("ScatterElements", buffer, indices, values, axis=1, reduction="add")


@dataclass(eq=False)
class _Neurons:
    """The neurons of a population in a step, by the equations of the kernels."""

    step_graph: _Step
    begin: int
    end: int
    second: bool

    def __post_init__(self) -> None:
        network = self.step_graph.network
        self.parameters, self.coefficients, self.dtype = network.parameters, network.second, network.numbers.voltage
        self.fixed = self.parameters if isinstance(self.parameters, FixedParameters) else None

    def step(self, current: str, model: int) -> tuple[str, str, str, str]:
        """Return membrane, spikes, voltage and second variable after the step.

        Args:
            current: Sum of the events of the step.
            model: HARD, SOFT or READOUT.
        """
        graph, neurons = self.step_graph, self.step_graph.network.neurons
        v = graph.part("voltage", self.begin, self.end)
        w = graph.part("voltage", neurons + self.begin, neurons + self.end) if self.present else ""
        y = self._inputs(current, w)
        gain = self._times("gain", y) if self.second else y
        u = self._clip(graph.op("Add", self._product(self.parameters.decay, v), gain))
        threshold = self._parameter(self.parameters.threshold)
        if self.second:
            threshold = graph.op("Add", threshold, self._times("sensitivity", w))
        fired = graph.op("GreaterOrEqual", u, threshold)
        if model == READOUT:
            fired = graph.op("And", fired, graph.constant(False, np.bool_))
        lower = graph.constant(0, self.dtype) if model == HARD else graph.op("Sub", u, threshold)
        voltage = graph.op("Where", fired, lower, u)
        return u, fired, voltage, self._after(voltage, w, y, fired) if self.second else w

    @property
    def present(self) -> bool:
        """Whether a model of the network has a second variable."""
        return bool(self.coefficients.present.any())

    def _inputs(self, current: str, w: str) -> str:
        graph = self.step_graph
        if self.fixed is not None:
            current = graph.op("Cast", current, to=_type(np.int64))
            current = graph.op("Mul", current, graph.constant(2**self.fixed.shift))
        total = graph.op("Add", current, self._parameter(self.parameters.bias))
        return self._clip(graph.op("Add", total, self._times("feedback", w))) if self.second else total

    def _after(self, v: str, w: str, y: str, fired: str) -> str:
        graph = self.step_graph
        leak = graph.op("Add", self._times("rho", w), self._times("coupling", v))
        jump = graph.op("Where", fired, self._parameter(self.coefficients.jump), graph.constant(0, self.dtype))
        return self._clip(graph.op("Add", graph.op("Add", leak, jump), self._times("intake", y)))

    def _times(self, name: str, x: str) -> str:
        return self._product(getattr(self.coefficients, name), x)

    def _product(self, coefficient: np.ndarray, x: str) -> str:
        """Return the products, in integers rounded towards 0."""
        graph = self.step_graph
        product = graph.op("Mul", self._parameter(coefficient), x)
        return product if self.fixed is None else graph.op("Div", product, graph.constant(2**self.fixed.bits))

    def _clip(self, x: str) -> str:
        if self.fixed is None:
            return x
        limits = (self.step_graph.constant(limit) for limit in (-self.fixed.limit, self.fixed.limit))
        return self.step_graph.op("Clip", x, *limits)

    def _parameter(self, values: np.ndarray) -> str:
        return self.step_graph.constant(values[self.begin : self.end], self.dtype)


def _type(dtype: Any) -> int:
    types = {np.float64: TensorProto.DOUBLE, np.float32: TensorProto.FLOAT, np.int32: TensorProto.INT32}
    return int(types.get(np.dtype(dtype).type, TensorProto.INT64))
