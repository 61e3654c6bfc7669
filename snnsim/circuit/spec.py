"""The description of a large network: populations of one kind of neuron, and random connections between each pair.

    dV/dt = −(V − E) / τ + (I + I₀) / C        dI/dt = −I / τ_syn        V = reset for the refractory time after a spike

Units    milliseconds, millivolts, picoamperes, picofarads, hertz
"""

from dataclasses import asdict, dataclass, fields
from math import isfinite
from numbers import Integral
from typing import Any, Self

from snnsim.validation import require

Row = tuple[float, ...]
MAX_SPIKES = 25.0
"""Largest mean number of Poisson spikes in a step: the table of their numbers ends at 63."""


@dataclass(frozen=True)
class Neuron:
    """Constants of all neurons."""

    tau_m_ms: float = 10.0
    tau_syn_ms: float = 0.5
    capacitance_pf: float = 250.0
    rest_mv: float = -65.0
    threshold_mv: float = -50.0
    reset_mv: float = -65.0
    refractory_ms: float = 2.0

    def __post_init__(self) -> None:
        times = {name: getattr(self, name) for name in ("tau_m_ms", "tau_syn_ms", "capacitance_pf")}
        wrong = [f"{name} {value:g}" for name, value in times.items() if not 0 < value < float("inf")]
        require(not wrong, f"Neuron: constants must be finite and above 0, not {', '.join(wrong)}")
        require(all(map(isfinite, asdict(self).values())), f"Neuron: constants must be finite, not {self}")
        require(self.tau_m_ms != self.tau_syn_ms, f"Neuron: time constants must differ, not both be {self.tau_m_ms:g}")
        ordered = self.reset_mv < self.threshold_mv and self.refractory_ms >= 0
        require(
            ordered, f"Neuron: the reset must be below the threshold and the refractory time at least 0, not {self}"
        )


@dataclass(frozen=True)
class Spec:
    """A network."""

    names: tuple[str, ...]
    """Populations."""
    sizes: tuple[int, ...]
    """Neurons of each population."""
    synapses: tuple[tuple[int, ...], ...]
    """Number of synapses (target population, source population)."""
    weight_pa: tuple[Row, ...]
    """Mean weights (target population, source population)."""
    weight_sd_pa: tuple[Row, ...]
    """Standard deviations of weights (target population, source population); no weight changes its sign."""
    delay_ms: Row
    """Means of normal delays, one for each source population; a delay has at least one step."""
    delay_sd_ms: Row
    """Standard deviations of delays, one for each source population."""
    drive_hz: Row
    """Rates of Poisson spikes into each neuron of a population."""
    drive_weight_pa: Row
    """Weights of Poisson spikes."""
    constant_pa: Row
    """Constant currents."""
    start_mv: Row
    """Means of the voltages at the beginning."""
    start_sd_mv: Row
    """Standard deviations of the voltages at the beginning."""
    neuron: Neuron = Neuron()
    time_step_ms: float = 0.1

    def __post_init__(self) -> None:
        count = len(self.names)
        require(1 <= count <= 255, f"Spec: populations must be 1 to 255, not {count}")
        for field in fields(self):
            value = getattr(self, field.name)
            rows = [value, *value] if field.name in ("synapses", "weight_pa", "weight_sd_pa") else [value]
            for row in rows if isinstance(value, tuple) else []:
                require(len(row) == count, f"Spec: {field.name} must have {count} numbers a row, not {len(row)}")
                finite = all(isfinite(one) for one in row if not isinstance(one, str | tuple))
                require(finite, f"Spec: {field.name} must be finite, not {row}")
        require(min(self.sizes) >= 1, f"Spec: each population must have a neuron or more, not sizes {self.sizes}")
        require(sum(self.sizes) < 2**26, f"Spec: neurons must be fewer than 2^26, not {sum(self.sizes)}")
        least = min(map(min, (*self.weight_sd_pa, self.delay_sd_ms, self.start_sd_mv)))
        require(least >= 0, f"Spec: standard deviations must be at least 0, not {least:g}")
        # weights are drawn in float32, which ends at 3.4e38
        pairs = zip(self.weight_pa, self.weight_sd_pa, strict=True)
        largest = max(abs(mean) + 10 * sd for means, sds in pairs for mean, sd in zip(means, sds, strict=True))
        require(largest <= 1e38, f"Spec: weights must stay below 1e38 pA in 10 standard deviations, not {largest:g}")
        counts = [*self.sizes, *(count for row in self.synapses for count in row)]
        parts = [count for count in counts if not isinstance(count, Integral)]
        require(not parts, f"Spec: sizes and numbers of synapses must be integers, not {', '.join(map(str, parts))}")
        fewest = min(min(row) for row in self.synapses)
        require(fewest >= 0, f"Spec: numbers of synapses must be at least 0, not {fewest}")
        require(self.time_step_ms > 0, f"Spec: time_step_ms must be above 0, not {self.time_step_ms:g}")
        most = max(self.drive_hz) * self.time_step_ms / 1000
        require(
            min(self.drive_hz) >= 0 and most <= MAX_SPIKES,
            f"Spec: Poisson spikes of a neuron must be from 0 to {MAX_SPIKES:g} a step, not {most:g}; use a shorter "
            "step, or fewer spikes of larger weight",
        )

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return sum(self.sizes)

    def to_plain(self) -> dict[str, Any]:
        """Return the description in the types of JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the description that `to_plain` has written.

        Args:
            plain: Values by the names of the fields.
        """
        values = {name: _tuples(value) for name, value in plain.items() if name != "neuron"}
        return cls(neuron=Neuron(**plain["neuron"]), **values)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
