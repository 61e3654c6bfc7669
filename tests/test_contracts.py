"""Every public part keeps the contracts; a part that is not listed here fails the last test."""

import pytest

from helpers import contracts, learning_contracts, program_contracts, task_contracts
from helpers.networks import MAX_DELAY, NEURONS, STEPS, TARGETS, generator
from snnsim import nn, surrogate
from snnsim.choices import TASKS
from snnsim.learning import decisions, rules
from snnsim.nn import (
    ALIF,
    LIF,
    AdLIF,
    Conv,
    CubaLIF,
    DelayedConv,
    DelayedLinear,
    LeakyReadout,
    LevyBaxter,
    MetaNeuron,
    ScaledLIF,
    SecondOrder,
    SiLIF,
    SparseLinear,
    UnitGainLIF,
    delay_windows,
)
from snnsim.nn.meta import Recovery
from snnsim.simulation import ENGINES
from snnsim.surrogate import Surrogate


def delayed(window, **settings):
    settings = {"max_delay": MAX_DELAY, "sigma": 1.5, "taps": 2, **settings}
    return DelayedLinear(NEURONS, TARGETS, window=window, generator=generator(), **settings).double()


def sparse(share):
    return SparseLinear(NEURONS, TARGETS, sparsity=share, generator=generator()).double()


def conv(field=(NEURONS, 1, 1), **settings):
    return Conv(field, TARGETS, 3, generator=generator(), **settings).double()


def delayed_conv(window, field=(NEURONS, 1, 1), kernel=3, **settings):
    settings = {"max_delay": MAX_DELAY, "sigma": 1.5, "taps": 2, **settings}
    return DelayedConv(field, TARGETS, kernel=kernel, window=window, generator=generator(), **settings).double()


ALL_NEURONS = {
    "LIF hard": lambda: LIF(tau=2.0),
    "LIF soft in the graph": lambda: LIF(beta=0.75, reset="soft", detach_reset=False),
    "LIF hard in the graph, learned": lambda: LIF(
        beta=0.5, detach_reset=False, learn_decay="neuron", learn_threshold=True, features=NEURONS
    ),
    "LIF soft, learned": lambda: LIF(beta=0.5, reset="soft", learn_decay="layer", learn_threshold=True),
    "MetaNeuron": lambda: MetaNeuron(tau=2.0),
    "MetaNeuron, no noise": lambda: MetaNeuron(beta=0.75, width=0.0, reset="soft", reset_value=0.25),
    "MetaNeuron in the graph, learned": lambda: MetaNeuron(
        beta=0.5, reset="soft", reset_value=-0.25, detach_reset=False, learn="neuron", features=NEURONS
    ),
    "MetaNeuron with recovery, learned": lambda: MetaNeuron(beta=0.5, learn="layer", recovery=Recovery(0.75, 0.1, 0.5)),
    "MetaNeuron, expected": lambda: MetaNeuron(beta=0.5, learn="layer", estimator="expectation", recovery=Recovery()),
    "ScaledLIF": lambda: ScaledLIF(leak=0.75, threshold=0.5),
    "ScaledLIF hard, without leak": lambda: ScaledLIF(reset="hard", surrogate="atan"),
    "LevyBaxter": lambda: LevyBaxter(),
    "SecondOrder": lambda: SecondOrder(),
    "SecondOrder in the graph, learned": lambda: SecondOrder(detach_reset=False, learn="neuron", features=NEURONS),
    "AdLIF": lambda: AdLIF(tau=5.0, tau_adaptation=60.0, coupling=0.5, jump=1.0),
    "AdLIF, learned": lambda: AdLIF(features=NEURONS, generator=generator()),
    "AdLIF in the graph, learned": lambda: AdLIF(threshold=0.25, detach_reset=False),
    "SiLIF, learned": lambda: SiLIF(features=NEURONS, generator=generator()),
    "SiLIF in the graph": lambda: SiLIF(tau=3.0, tau_adaptation=9.0, coupling=0.25, jump=0.5, detach_reset=False),
    "ALIF": lambda: ALIF(tau=2.0, tau_adaptation=8.0, jump=0.5),
    "ALIF soft in the graph, learned": lambda: ALIF(
        jump=(0.0, 1.0),
        reset="soft",
        detach_reset=False,
        learn_decay="neuron",
        features=NEURONS,
        generator=generator(),
    ),
    "UnitGainLIF, learned": lambda: UnitGainLIF(features=NEURONS, tau=(1.5, 4.0), generator=generator()),
    "UnitGainLIF hard in the graph": lambda: UnitGainLIF(
        features=NEURONS, tau=(2.0, 2.0), bound="clamp", reset="hard", detach_reset=False
    ),
    "CubaLIF": lambda: CubaLIF(tau=2.0, tau_synapse=4.0),
    "CubaLIF soft, learned": lambda: CubaLIF(beta=0.5, alpha=0.5, gain=0.5, reset="soft", learn_decay="layer"),
    "LeakyReadout": lambda: LeakyReadout(tau=4.0),
    "LeakyReadout, learned": lambda: LeakyReadout(beta=0.5, learn_decay="neuron", features=NEURONS),
}
ALL_SYNAPSES = {
    "SparseLinear": lambda: sparse(0.0),
    "SparseLinear, half": lambda: sparse(0.5),
    "Conv": lambda: conv(),
    "Conv, half": lambda: conv((1, NEURONS, 1), sparsity=0.5),
    "DelayedConv": lambda: delayed_conv("gauss"),
    "DelayedConv, half": lambda: delayed_conv("v0", sparsity=0.5),
    "DelayedConv, evaluated": lambda: delayed_conv("max", field=(1, NEURONS, 1)).eval(),
    "DelayedConv, the whole field": lambda: delayed_conv("gauss", kernel=(NEURONS, 1), padding=0),
    "DelayedConv, no delay": lambda: delayed_conv("max", max_delay=0),
    "DelayedLinear": lambda: delayed("gauss"),
    "DelayedLinear, half": lambda: delayed("v0", sparsity=0.5),
    "DelayedLinear, evaluated": lambda: delayed("max").eval(),
    "DelayedLinear, fixed": lambda: delayed("gauss", learn_delay=False),
    "DelayedLinear, learned width": lambda: delayed("gauss", learn_sigma=True),
    "DelayedLinear, no delay": lambda: delayed("max", max_delay=0),
    "DelayedLinear, delays longer than the sequence": lambda: delayed("v1", max_delay=3 * STEPS),
}
ALL_WINDOWS = ("gauss", "max", "v1", "v0")
ALL_SURROGATES = ("atan", "triangle", "sigmoid", "fast_sigmoid", "boxcar")
ALL_RULES = learning_contracts.RULES
ALL_DECISIONS = ("summed_softmax", "mean_membrane", "max_membrane", "last_membrane")
ALL_TASKS = task_contracts.CASES
ALL_ENGINES = ("clock_driven", "event_driven")


def over(checks, parts):
    names = {"check": [check.__name__ for check in checks]}
    check = pytest.mark.parametrize("check", checks, ids=names["check"])
    part = pytest.mark.parametrize("part", parts)
    return lambda test: check(part(test))


@over(contracts.NEURON, ALL_NEURONS)
def test_neuron(check, part):
    check(ALL_NEURONS[part])


@over(contracts.SYNAPSE, ALL_SYNAPSES)
def test_synapse(check, part):
    check(ALL_SYNAPSES[part])


@over(contracts.STATEFUL, [name for name in ALL_SYNAPSES if name.startswith("Delayed")])
def test_synapse_with_a_history(check, part):
    check(ALL_SYNAPSES[part])


@over(contracts.DELAYED, ALL_WINDOWS)
def test_delay_synapse(check, part):
    check(lambda **settings: delayed(part, **settings))


@over([check for check in contracts.DELAYED if check is not contracts.initial_delays_are_uniform], ALL_WINDOWS)
def test_delay_convolution_over_one_pixel(check, part):
    check(lambda **settings: delayed_conv(part, field=(1, 1, NEURONS), kernel=1, **settings))


@pytest.mark.parametrize("alpha", [None, 1.0, 7.0])
@over(learning_contracts.SURROGATE, ALL_SURROGATES)
def test_surrogate(check, part, alpha):
    check(Surrogate(part, alpha))


@over(learning_contracts.RULE, ALL_RULES)
def test_rule(check, part):
    check(ALL_RULES[part])


@over(learning_contracts.DECISION, ALL_DECISIONS)
def test_decision(check, part):
    check(decisions.get_decision(part))


@over(task_contracts.TASK, ALL_TASKS)
def test_task(check, part):
    check(ALL_TASKS[part])


@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_engine(engine, tmp_path):
    program_contracts.spikes_are_those_of_the_network(engine)
    program_contracts.reading_back_changes_nothing(engine, tmp_path)


def test_no_public_part_is_left_out():
    def public(module):
        return {getattr(module, name) for name in module.__all__}

    parts = {type(make()) for makers in (ALL_NEURONS, ALL_SYNAPSES) for make in makers.values()}
    # layers of these parts have tests of their own
    others = {
        nn.BatchNorm,
        nn.Head,
        nn.LogisticConv,
        nn.Recurrence,
        nn.Skip,
        nn.SpikingLayer,
        nn.SpikingNetwork,
        nn.constrain_after,
    }
    assert parts | others | {nn.Neuron, nn.Synapse, nn.TwoState} == public(nn)
    assert set(ALL_WINDOWS) == set(delay_windows.WINDOWS)
    assert set(ALL_SURROGATES) == set(surrogate.NAMES)
    assert set(ALL_RULES) == set(rules.RULES)
    assert set(ALL_DECISIONS) == set(decisions.DECISIONS)
    assert {case.task.kind for case in ALL_TASKS.values()} == {*TASKS, "heads"}
    assert set(ALL_ENGINES) == set(ENGINES)
