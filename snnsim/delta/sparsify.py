"""A user's network whose weighted layers get coded inputs: changes over time are events, and only events cost work.

`sparsify` runs the network once on an example, sees which layers a sequence reaches and how, and returns the network
with a coding in front of each layer that it took, and a report of all layers by name. The network itself stays as it
is: codings act by hooks that exist during a run alone.

    folded       the layer gets (time · batch, axes of an input): the network computes frames one by one
    sequence     the layer gets (time, batch, axes of an input)
    stepwise     the network calls the layer once per step, with (batch, axes of an input)
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnsim.delta.coding import Coding, DeltaActivation
from snnsim.delta.examine import Report, Taken, called, check_frames, examined, hooked
from snnsim.delta.trace import Recorded, Trace
from snnsim.validation import require


class Sparsified(nn.Module):
    """A network with codings in front of its layers; `sparsify` builds it.

    Args:
        model: The network.
        report: The layers that it takes.
        codings: A coding for each of them.
        folded: Whether the network gets frames (time · batch, ...), or sequences (time, batch, ...).
    """

    def __init__(self, model: nn.Module, report: Report, codings: Iterable[Coding], *, folded: bool) -> None:
        super().__init__()
        self.model, self.codings, self.report, self.folded = model, nn.ModuleList(codings), report, folded

    def forward(self, frames: Tensor) -> Any:
        """Return the output of the network, (time, batch, ...) if it is a tensor of frames.

        Args:
            frames: Sequences (time, batch, axes of a frame).
        """
        return self.run(frames)[0]

    def run(self, frames: Tensor) -> tuple[Any, Trace]:
        """Return the output, and the trace of the run: penalty and counts.

        Args:
            frames: Sequences (time, batch, axes of a frame).

        Raises:
            ValueError: If the frames have no axes of time and batch.
        """
        check_frames("Sparsified", frames)
        run = _Run(tuple(frames.shape[:2]))
        modules = dict(self.model.named_modules())
        pairs = zip(self.report.taken, self._codings(), strict=True)
        hooks = {modules[taken.name]: partial(run.coded, taken, coding) for taken, coding in pairs}
        with hooked(hooks):
            output = called(self.model, frames, folded=self.folded)
        return output, run.trace()

    def _codings(self) -> list[Coding]:
        return [cast("Coding", coding) for coding in self.codings]

    def steps(self) -> dict[str, Tensor]:
        """Return the steps or thresholds of all layers by name."""
        return {
            taken.name: coding.step.detach().abs()
            for taken, coding in zip(self.report.taken, self._codings(), strict=True)
        }


class _Run:
    """Inputs and states of one run."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.calls: dict[str, tuple[Taken, Coding, list[Tensor], list[Tensor]]] = {}
        self.states: dict[str, Tensor | None] = {}

    def coded(self, taken: Taken, coding: Coding, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of a layer with its coded input, of which a copy is kept."""
        del module
        values = arguments[0]
        name, form = taken.name, taken.form
        lead = {"folded": self.shape, "sequence": self.shape, "stepwise": (1, self.shape[1])}[form]
        own = (self.shape[0] * self.shape[1],) if form == "folded" else lead[-1:] if form == "stepwise" else lead
        require(
            tuple(values.shape) == (*own, *taken.shape),
            f"Sparsified: layer {name!r} must get {(*own, *taken.shape)}, as in the example, not "
            f"{tuple(values.shape)}; sparsify the network again with an example of these frames",
        )
        values = coding.activation(values.reshape(*lead, *taken.shape))
        coded, self.states[name] = coding.code(coding.checked(values), self.states.get(name))
        _, _, before, after = self.calls.setdefault(name, (taken, coding, [], []))
        before.append(values.detach())
        after.append(coded)
        return (coded.reshape(arguments[0].shape), *arguments[1:])

    def trace(self) -> Trace:
        """Return the trace of all calls."""
        return Trace(
            [
                Recorded(name, torch.cat(before), torch.cat(after), coding.step.detach(), taken.fan_out, taken.outputs)
                for name, (taken, coding, before, after) in self.calls.items()
            ]
        )


def sparsify(  # noqa: PLR0913
    model: nn.Module,
    example: Tensor,
    *,
    coding: Callable[..., Coding] = DeltaActivation,
    step: float = 0.1,
    relative: bool = True,
    folded: bool = True,
    layers: Collection[str] | None = None,
    **options: Any,
) -> tuple[Sparsified, Report]:
    """Return a network whose weighted layers get coded inputs, and the report of all of them.

    Args:
        model: The network, with or without spiking neurons; it is used, not copied, and stays as it is.
        example: Sequences (time, batch, axes of a frame), on which the network runs once.
        coding: DeltaActivation, TemporalDelta or SigmaDelta.
        step: Initial step or threshold, above 0.
        relative: Whether the step of a layer is in units of the root mean square of its inputs in the example.
        folded: Whether the network takes frames (time · batch, ...) and computes them one by one; otherwise it gets
            sequences (time, batch, ...), as networks with memory do.
        layers: Names of the layers to take; None for all whose inputs are no spikes.
        **options: Options of the coding, such as granularity="channel".

    Raises:
        ValueError: If the example has no axes of time and batch, a name is no layer that can be taken, or no layer can.
    """
    check_frames("sparsify", example)
    taken, refused = examined(model, example, folded=folded, layers=layers)
    names = [each.name for each in taken]
    missing = [name for name in layers or () if name not in names]
    require(
        bool(taken) and not missing,
        f"sparsify: {'layers ' + ', '.join(missing) if missing else 'a layer'} must be taken, but "
        f"{'; '.join(f'{name}: {reason}' for name, reason in refused.items()) or 'the network has no weighted layer'}",
    )
    codings = [
        coding(step=step * (each.scale if relative else 1.0), shape=each.shape, **options).to(example.device)
        for each in taken
    ]
    report = Report(tuple(taken), refused)
    return Sparsified(model, report, codings, folded=folded), report
