"""The section `training` of a config: learning rule, loss, optimizers and precision."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from snnsim import schema
from snnsim.choices import ADDITIVE_DECISIONS, DecisionName
from snnsim.config.loggers import AnyLogger
from snnsim.config.ranges import Count, Decay, LearningRate, Milliseconds, Seed, check
from snnsim.learning.options import Adam, AnyAverage, AnyOptimizer, AnyRates, AnySchedule, Cosine, OneCycle
from snnsim.schema import Range


@dataclass(frozen=True)
class Training:
    """How the parameters are learned."""

    rule: Literal["bptt", "sltt", "sltt-k"] = "bptt"
    """Learning rule. bptt: backpropagation through time; sltt: without gradient paths from a membrane to its next
    step; sltt-k: sltt from `k` random steps of a batch alone."""
    k: Annotated[int, Range(at_most=2**31 - 1)] | None = None
    """Number of steps of a batch that sltt-k draws."""
    delayed: Literal["exact", "cut", "stale"] = "exact"
    """Gradient paths of sltt over a delay. exact: to the spike that caused the current; cut: none; stale: to the spike
    of the same step."""
    window_ms: Milliseconds | None = None
    """Length of the chunks of time that sltt goes through, so that memory does not grow with the recordings; None takes
    whole recordings."""
    loops: Literal["exact", "cut"] = "exact"
    """Gradients through recurrent connections across chunks of time. exact: chunks go backward from the end of the
    recording; cut: gradients end at the beginning of each chunk, so that memory does not grow."""
    loss: Literal["decision", "steps"] = "decision"
    """Cross-entropy of the decision about a recording, or the mean of the cross-entropies of all steps."""
    decision: DecisionName = "summed_softmax"
    epochs: Count = 150
    batch_size: Count = 256
    lr: LearningRate = 5e-3
    """Highest learning rate of weights and neurons."""
    lr_delay: LearningRate = 0.1
    """Highest learning rate of the delays, in steps of delay."""
    weight_decay: Decay = 1e-5
    """Weight decay of the weights of synapses."""
    weight_decay_norm: Decay = 0.0
    """Weight decay of the parameters of batch normalization."""
    weight_decay_delay: Decay = 0.0
    """Weight decay of the delays."""
    optimizer: AnyOptimizer = field(default_factory=Adam)
    """Optimizer of weights and neurons, a section of learning/options.py: adam, adamw, sgd."""
    delay_optimizer: AnyOptimizer = field(default_factory=Adam)
    """Optimizer of the delays, likewise."""
    schedule: AnySchedule = field(default_factory=OneCycle)
    """Learning rate of weights and neurons over time: one_cycle, cosine, cosine_wave, plateau, constant."""
    delay_schedule: AnySchedule = field(default_factory=Cosine)
    """Learning rate of the delays over time, likewise."""
    average: AnyAverage | None = None
    """Average of the parameters over the steps, which is evaluated and frozen in their place: ema, mean."""
    label_smoothing: Annotated[float, Range(at_least=0)] = 0.0
    """Share of the target of the loss that is spread evenly over all classes."""
    rates: AnyRates = None
    """Penalties of spike rates out of range: bounds."""
    sync_batch_norm: bool = False
    """Whether batch normalization takes the statistics of a batch over all processes of torchrun."""
    sigma_epochs: float = 0.25
    """Share of the epochs in which the delay windows narrow."""
    patience: Annotated[int, Range(at_least=0)] = 0
    """Number of epochs without a better validation accuracy after which training stops; 0 never stops early."""
    stop_after: Count | None = None
    """Number of epochs after which training stops, with the schedules of `epochs`; None trains all epochs."""
    seed: Seed = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the large products of training in mixed precision; validation has float32."""
    weights: Literal["float", "int8", "int4", "ternary"] = "float"
    """Precision of the weights; gradients pass straight through their rounding."""
    delays: str | None = None
    """Range and resolution of the delays, such as 5bit, or 5bit:2 for every second step; None keeps every step."""
    loggers: tuple[AnyLogger, ...] = ()
    """Loggers of the metrics besides TensorBoard, a list of sections of config/loggers.py: csv, wandb, mlflow."""
    start: str | None = None
    """Run from whose best network training starts; None starts from random parameters."""

    def __post_init__(self) -> None:
        schema.settle(self, "training.")
        self._check_rule()
        known = self.delays is None or re.fullmatch(r"\d+bit(:[1-9]\d*)?", self.delays) is not None
        check(known, "training.delays", "such as 5bit, or 5bit:2", self.delays)
        check(0 <= self.sigma_epochs <= 1, "training.sigma_epochs", "between 0 and 1", self.sigma_epochs)
        check(self.label_smoothing < 1, "training.label_smoothing", "below 1", self.label_smoothing)
        first = 1 if self.average is None else self.average.first_epoch
        check(first <= self.epochs, "training.average.first_epoch", f"at most training.epochs = {self.epochs}", first)

    def _check_rule(self) -> None:
        drawn = (self.k is not None and self.k >= 1) if self.rule == "sltt-k" else self.k is None
        must = "at least 1 for the rule sltt-k" if self.rule == "sltt-k" else f"none for the rule {self.rule}"
        check(drawn, "training.k", must, self.k)
        spatial = self.rule != "bptt" or (self.delayed == "exact" and self.window_ms is None)
        must, value = "'exact' and none for the rule bptt; sltt has them", (self.delayed, self.window_ms)
        check(spatial, "training.delayed and window_ms", must, value)
        chunked = self.loops == "exact" or self.window_ms is not None
        check(chunked, "training.loops", "exact without window_ms", self.loops)
        additive = self.window_ms is None or self.decision in ADDITIVE_DECISIONS
        must = f"{' or '.join(ADDITIVE_DECISIONS)} with window_ms"
        check(additive, "training.decision", must, self.decision)
        must = "none with window_ms, as the rates of a recording are known at its end alone"
        check(self.window_ms is None or self.rates is None, "training.rates", must, self.rates and self.rates.kind)
