"""The config of a run: its sections, the checks of values of several sections, and TOML files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import tomli_w

from snnsim import schema
from snnsim.choices import ADDITIVE_DECISIONS
from snnsim.config import changes, renamed_keys, toml_files
from snnsim.config.data import Data
from snnsim.config.network import Network
from snnsim.config.ranges import MOST_DELAY, MOST_STEPS, check
from snnsim.config.recurrence import RecurrentDelays
from snnsim.config.skips import DelayedSkip
from snnsim.config.task import AnyTask, ClassHead, ClassTask, HeadsTask, RegressionTask
from snnsim.config.training import Training
from snnsim.files import written_whole
from snnsim.units import to_steps
from snnsim.validation import shown

MOST_NAME = 200
"""Characters of the longest name."""


@dataclass(frozen=True)
class Config:
    """The values of a run; `name` is the beginning of the name of its folder."""

    name: str = "digits"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)
    task: AnyTask = field(default_factory=ClassTask)

    def __post_init__(self) -> None:
        schema.settle(self, "")
        outside = self.name.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", self.name)
        if outside or not self.name.strip() or len(self.name) > MOST_NAME:
            must = f"a name of 1 to {MOST_NAME} characters that leads to no other folder"
            raise ValueError(f"config: name must be {must}, not {shown(self.name)}")
        self._check_validation()
        self._check_steps()
        self._check_task()
        # the channels of a user's data are known when they are read
        if self.network.convolutions and self.data.channels:
            self._check_field()

    def _check_validation(self) -> None:
        """Check the settings that need validation recordings."""
        training, validate = self.training, self.data.validate
        check(validate or training.patience == 0, "training.patience", "0 without data.validate", training.patience)
        for name, schedule in (("schedule", training.schedule), ("delay_schedule", training.delay_schedule)):
            must = "another than plateau without data.validate"
            check(validate or schedule.kind != "plateau", f"training.{name}.kind", must, schedule.kind)

    def _check_steps(self) -> None:
        """Check the times whose bounds are counted in steps."""
        step, net, chunk = self.data.time_step_ms, self.network, self.training.window_ms
        must = f"at least data.time_step_ms = {step}, as the decay is 1 - time_step_ms / tau_ms"
        taus = {f"network.neuron.{name}": getattr(net.neuron, name) for name in net.neuron.decays}
        for name, tau in (taus | {"network.readout.tau_ms": net.readout.tau_ms}).items():
            check(to_steps(tau, step) >= 1, name, must, tau)
        check(chunk is None or chunk >= step, "training.window_ms", f"at least data.time_step_ms = {step}", chunk)
        loop = net.recurrent.max_delay_ms if isinstance(net.recurrent, RecurrentDelays) else step
        check(loop >= step, "network.recurrent.max_delay_ms", f"at least data.time_step_ms = {step}", loop)
        for skip in net.skip:
            longest = skip.max_delay_ms if isinstance(skip, DelayedSkip) else 0.0
            check(longest / step <= MOST_DELAY, "network.skip.max_delay_ms", f"at most {MOST_DELAY:,} steps", longest)
        for name, value, most in (
            ("network.recurrent.max_delay_ms", loop, MOST_DELAY),
            ("network.max_delay_ms", 0.0 if net.delays == "none" else net.max_delay_ms, MOST_DELAY),
            ("network.extra_ms", net.extra_ms, MOST_STEPS),
            ("training.window_ms", chunk or 0.0, MOST_STEPS),
        ):
            check(value / step <= most, name, f"at most {most:,} steps of data.time_step_ms = {step}", value)

    def _check_task(self) -> None:
        """Check that training and network fit the task."""
        steps = self.training.loss == "decision" or isinstance(self.task, ClassTask)
        check(
            steps, "training.loss", f"decision with task.kind {self.task.kind}, which has its own", self.training.loss
        )
        classes = isinstance(self.task, ClassTask) and self.task.target is None
        share, must = self.training.label_smoothing, "0 for tasks other than one class for each recording, its label"
        check(classes or share == 0, "training.label_smoothing", must, share)
        heads = self.task.heads if isinstance(self.task, HeadsTask) else ()
        check(not heads or bool(self.network.hidden), "network.hidden", "one width or more with heads", [])
        between = all(skip.target <= len(self.network.hidden) for skip in self.network.skip)
        check(not heads or between, "network.skip", "connections to hidden layers with heads", "one to the readout")
        for name, section in {"task": self.task, **{f"task.heads {head.name}": head for head in heads}}.items():
            if isinstance(section, RegressionTask | ClassHead) and self.training.window_ms is not None:
                must = f"{' or '.join(ADDITIVE_DECISIONS)} with training.window_ms"
                check(section.decision in ADDITIVE_DECISIONS, f"{name}.decision", must, section.decision)

    def _check_field(self) -> None:
        height, width, channels = self.data.height, self.data.width, self.data.channels
        if height is None or width is None or channels % (height * width):
            raise ValueError(
                "config: network.convolutions need data.height and data.width, whose product divides data.channels; "
                f"got {height}, {width} and {channels}"
            )
        pool = self.network.pool
        for number, (rows, columns) in enumerate(self.network.positions(height, width), 1):
            must = f"a divisor of the {rows} x {columns} positions of convolution {number}"
            check(not (rows % pool or columns % pool), "network.pool", must, pool)

    @classmethod
    def from_toml(cls, text: str, source: str = "config") -> Self:
        """Return the config of a TOML text.

        Args:
            text: The text of a TOML file.
            source: Name of the file, for messages.

        Raises:
            ValueError: If the text is no TOML, has no value, names unknown keys, or has invalid values.
        """
        values = toml_files.table(text, source)
        if not values:
            raise ValueError(f'{source}: the config has no value; name one at least, such as name = "digits"')
        try:
            network = values.get("network")
            if isinstance(network, Mapping):
                values = values | {"network": renamed_keys.of_table(network)}
            built: Self = schema.build(cls, values, "")
        except ValueError as error:
            raise ValueError(str(error) if source == "config" else f"{source}: {error}") from error
        return built

    @classmethod
    def load(cls, path: Path, *, say: Callable[[str], object] | None = None) -> Self:
        """Return the config of a TOML file.

        Args:
            path: Path of the file; keys that it leaves out have their default values.
            say: Function that gets a sentence for every old key of the file, with the key of today.
        """
        text = toml_files.text_of(path)
        config = cls.from_toml(text, str(path))
        network = toml_files.table(text, str(path)).get("network")
        if say is not None and isinstance(network, dict):
            for note in renamed_keys.notes([f"network.{name}" for name in network]):
                say(f"{path}: {note}")
        return config

    @staticmethod
    def table(path: Path) -> dict[str, Any]:
        """Return the values of a TOML file, without the defaults of a config.

        Args:
            path: Path of the file.
        """
        return toml_files.table(toml_files.text_of(path), str(path))

    def to_toml(self) -> str:
        """Return the config as a TOML text."""
        return tomli_w.dumps(schema.plain(self))

    def save(self, path: Path) -> None:
        """Write the config as a TOML file.

        Args:
            path: Path of the file; an existing file is replaced once the new one is complete.
        """
        with written_whole(path) as partial:
            partial.write_text(self.to_toml(), encoding="utf-8")

    def with_values(self, values: Mapping[str, object]) -> Self:
        """Return the config with values replaced.

        Args:
            values: New values by dotted names, such as {"training.epochs": 10}; all other values stay.
        """
        net = self.network
        values = renamed_keys.of_changes(values, net.neuron, net.readout, self.data.time_step_ms)
        config: Self = changes.replaced(self, values)
        return config
