"""Networks with several readouts against readouts by hand, from training to frozen programs, files and engines."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, eighths, generator, small_network
from snnsim import export
from snnsim.gradient_paths import GradientPaths
from snnsim.learning import chunked
from snnsim.nn import (
    LIF,
    BatchNorm,
    DelayedLinear,
    Head,
    LeakyReadout,
    Skip,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
)
from snnsim.nn.freezing import freeze
from snnsim.program import Program, Readout
from snnsim.quantization import Scheme, prune, quantize
from snnsim.simulation import Events, Probe, simulate

DIGITS, SPEAKERS = 4, 3
WIDTHS = [NEURONS, 8, 7]


def delayed(sources, targets, seed):
    return DelayedLinear(sources, targets, 6, sigma=1.5, generator=generator(seed))


def heads():
    return {
        "digit": Head(delayed(7, DIGITS, 3), LeakyReadout(tau=3.0)),
        "speaker": Head(SparseLinear(8, SPEAKERS, generator=generator(4)), LeakyReadout(tau=5.0), source=1),
        "channel": Head(delayed(NEURONS, 2, 5), LeakyReadout(tau=2.0), source=0),
    }


def network(chosen=None):
    layers = [
        SpikingLayer(
            delayed(WIDTHS[number - 1], WIDTHS[number], number),
            LIF(tau=2.0, threshold=0.25),
            norm=BatchNorm(WIDTHS[number]),
            dropout=0.0,
        )
        for number in (1, 2)
    ]
    skips = [Skip(0, 2, delayed(NEURONS, 7, 6)), Skip(0, "speaker", delayed(NEURONS, SPEAKERS, 7))]
    named = heads() if chosen is None else chosen
    return SpikingNetwork(layers, heads=named, skips=skips, extra_steps=2).double()


def by_hand(net, frames):
    """Return the outputs of the network by name, with all connections written out."""
    first, second = net.layers
    skipped, to_speaker = (skip.synapse for skip in net.skips)
    frames = torch.cat([frames, frames.new_zeros(net.extra_steps, *frames.shape[1:])])
    one = first.spike(first.current(frames))[0]
    two = second.spike(second.current(one) + skipped(frames))[0]
    digit, speaker, channel = net.heads.values()
    return {
        "digit": digit.readout(digit.synapse(two)),
        "speaker": speaker.readout(speaker.synapse(one) + to_speaker(frames)),
        "channel": channel.readout(channel.synapse(frames)),
    }


def frozen(net):
    net(spikes(30))
    net.eval()
    decisions = {"digit": "summed_softmax", "speaker": "max_membrane"}
    return freeze(net, time_step_ms=1.0, decision=decisions, classes={"speaker": ["a", "b", "c"]})


def spikes(steps):
    return eighths(steps, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)


def test_each_head_has_its_own_synapse_source_and_readout():
    net, frames = network(), eighths(STEPS, BATCH, NEURONS).requires_grad_()
    wanted = [frames, *(parameter for parameter in net.parameters() if parameter.requires_grad)]
    output, expected = net(frames), by_hand(net, frames)
    assert list(output) == ["digit", "speaker", "channel"]
    assert_close(output, expected)
    errors = [torch.randn(each.shape, generator=generator(9), dtype=torch.float64) for each in output.values()]
    gradients = torch.autograd.grad([*output.values()], wanted, errors)
    assert_close(gradients, torch.autograd.grad([*expected.values()], wanted, errors))


@pytest.mark.parametrize("lengths", [[1] * 20, [7, 12, 1]])
def test_chunks_and_records_are_the_whole_sequence(lengths):
    net, frames = network().eval(), eighths(20, BATCH, NEURONS)
    silent = frames.new_zeros(net.extra_steps, *frames.shape[1:])
    pieces, state = [], None
    with torch.no_grad():
        for chunk in [*frames.split(lengths), silent]:
            piece, state = net.run(chunk, state)
            pieces.append(piece)
        sequence = net(frames)
        record = net.record(frames)
    assert_close({name: torch.cat([piece[name] for piece in pieces]) for name in sequence}, sequence)
    assert_close(record.output, sequence)
    assert_close(record.voltage("speaker"), sequence["speaker"])
    assert len(record.spikes) == 3
    with pytest.raises(ValueError, match="a state of 5 parts is needed, not of 3"):
        net.run(frames, state[:3])


@pytest.mark.parametrize("lengths", [[1] * 14, [3, 10, 1]])
def test_chunked_learning_has_the_gradients_of_the_whole_sequence(lengths):
    frames, paths = eighths(STEPS, BATCH, NEURONS, low=0), GradientPaths(temporal=False)

    def objective(output, first):
        weight = torch.arange(first, first + len(output["digit"])).add(1).sin()[:, None, None]
        # the errors of two heads, and none of the third one
        return (output["digit"].square() * weight).sum() + (output["speaker"].exp() * weight).sum()

    expected, net = without_norm(), without_norm()
    loss = objective(expected(frames, credit=paths), 0)
    loss.backward()
    assert chunked.backpropagate(net, frames.split(lengths), objective) == pytest.approx(loss.item(), rel=1e-12)
    for one, other in zip(net.parameters(), expected.parameters(), strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)
    assert net.heads["channel"].synapse.weight.grad is None


def without_norm():
    net = network()
    net.extra_steps = 0
    for layer in net.layers:
        layer.norm = None
    return net


def test_one_head_without_a_name_is_the_network_of_before():
    net = small_network()
    names = [name for name in net.state_dict() if not name.startswith("layers")]
    assert {name.split(".")[0] for name in names} == {"synapse"}
    single = SpikingNetwork(list(net.layers), heads={"digit": Head(net.synapse, net.readout)})
    frames = eighths(STEPS, BATCH, NEURONS)
    net.eval()
    assert torch.equal(single(frames)["digit"], net(frames))
    assert "heads.digit.synapse.weight" in single.state_dict()
    assert freeze(single, time_step_ms=1.0, decision="max_membrane", classes="abcd").readouts == (
        Readout("digit", "max_membrane", tuple("abcd")),
    )
    copy = network()
    copy.load_state_dict(network().state_dict())


def test_synapses_and_constraints_include_heads():
    net = network()
    assert len(list(net.synapses())) == 7
    with torch.no_grad():
        net.heads["digit"].synapse.delay.fill_(99.0)
    net.constrain()
    assert net.heads["digit"].synapse.delay.max() == 6


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_the_frozen_network_has_all_heads(engine):
    net = network()
    program, frames = frozen(net), spikes(40)
    with torch.no_grad():
        record = net.record(frames)
    events = Events.from_frames(frames.numpy().astype(np.int64))
    result = simulate(program, events, engine=engine)
    for number in (1, 2):
        counts = record.spikes[number].sum(0).numpy().astype(np.int64)
        assert counts.sum() > 0
        np.testing.assert_array_equal(result.counts(f"hidden {number}"), counts)
    for name, voltage in record.output.items():
        for recording, output in enumerate(voltage.unbind(1)):
            np.testing.assert_allclose(result.output(recording, readout=name), output.numpy(), atol=1e-9)
    highest = record.voltage("speaker").amax(0).numpy()
    np.testing.assert_allclose(result.scores(readout="speaker"), highest, atol=1e-9)
    np.testing.assert_array_equal(result.predictions(readout="speaker"), highest.argmax(1))


def test_quantized_programs_and_their_engines_have_all_heads():
    program, frames = frozen(network()), spikes(40)
    events = Events.from_frames(frames.numpy().astype(np.int64))
    small = quantize(prune(program, share=0.2), Scheme("int8", "8bit", scale="layer"))
    assert small.readouts == program.readouts
    probe = Probe(spikes=True, membranes={readout.population: None for readout in program.readouts})
    clock, driven = (simulate(small, events, engine=name, record=probe) for name in ("clock_driven", "event_driven"))
    assert clock.traces.any(0).all()
    np.testing.assert_array_equal(clock.traces, driven.traces)
    np.testing.assert_array_equal(clock.node_counts, driven.node_counts)


@pytest.mark.parametrize("target", ["program", "npz", "hdf5"])
def test_files_hold_all_heads(tmp_path, target):
    program, path = frozen(network()), tmp_path / "heads"
    assert program.readouts == (
        Readout("digit", "summed_softmax"),
        Readout("speaker", "max_membrane", ("a", "b", "c")),
        Readout("channel"),
    )
    if target == "program":
        program.save(path)
        assert Program.load(path).same_as(program)
    else:
        export.write(program, target, path)
        assert export.read(target, path).same_as(program)


def test_a_program_of_one_readout_is_of_the_version_of_before(tmp_path):
    program = frozen(network())
    for further, version in (((), b'"version": 1'), (program.further_readouts, b'"version": 4')):
        path = tmp_path / "program.snn"
        replace(program, further_readouts=further).save(path)
        assert version in np.load(path)["header"].tobytes()
    assert "further_readouts" not in replace(program, further_readouts=()).header()


@pytest.mark.parametrize("target", [name for name in export.TARGETS if name not in ("npz", "hdf5")])
def test_targets_with_one_output_refuse_several_heads_by_name(target):
    violations = [each for each in export.TARGETS[target].check(frozen(network())) if each.rule == "one_readout"]
    assert [each.location for each in violations] == ["population 'speaker'", "population 'channel'"]


def one(**settings):
    return {"digit": Head(delayed(7, DIGITS, 3), LeakyReadout(tau=3.0), **settings)}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: network({}), ValueError, "heads must be one Head or more"),
        (lambda: network([1]), TypeError, "heads must be Heads by name, not a list"),
        (lambda: network({"digit": LIF(tau=2.0)}), TypeError, "heads must be Heads by name"),
        (lambda: network(one(source=3)), ValueError, "the head 'digit' must start at a layer from 1 to 2"),
        (lambda: network({"keys": one()["digit"]}), ValueError, "the name of a head must be text without dots"),
        (lambda: network({"hidden 1": one()["digit"]}), ValueError, "the name of a head must be text without dots"),
        (lambda: network(one()), ValueError, "or to a head, 'digit', not to 'speaker'"),
        (lambda: Head(LIF(tau=2.0), LeakyReadout(tau=2.0)), TypeError, "Head: synapse must be a Synapse"),
        (lambda: Head(delayed(2, 2, 1), LeakyReadout(tau=2.0), source=-1), ValueError, "Head: source must be"),
        (
            lambda: SpikingNetwork([], delayed(2, 2, 1), LeakyReadout(tau=2.0), heads=one()),
            TypeError,
            "heads stand in place of synapse and readout",
        ),
        (lambda: SpikingNetwork([]), TypeError, "synapse must be a Synapse"),
        (lambda: network().read(eighths(STEPS, BATCH, 7)), ValueError, "must have one readout without a name"),
        (lambda: network().record(spikes(3)).voltage(), ValueError, "network: head"),
        (lambda: freeze(network(), time_step_ms=1.0, classes="abcd"), ValueError, "classes must be names by head"),
        (lambda: freeze(network(), time_step_ms=1.0, decision={"x": "y"}), ValueError, "decision: head 'x' is unknown"),
        (
            lambda: replace(frozen(network()), readout=None, decision=None),
            ValueError,
            "further readouts need a first one",
        ),
        (lambda: replace(frozen(network()), readout="speaker"), ValueError, "'speaker' is one of them twice"),
        (lambda: replace(frozen(network()), further_readouts=["digit"]), ValueError, "a readout must be a Readout"),
        (
            lambda: replace(frozen(network()), further_readouts=[("speaker", "worst")]),
            ValueError,
            "decision 'worst' is unknown",
        ),
        (
            lambda: simulate(frozen(network()), Events.from_frames(np.zeros((3, 1, NEURONS), int))).scores(),
            ValueError,
            "the program has several readouts; choose one",
        ),
    ],
)
def test_heads_that_do_not_fit_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
