"""Sigma-delta populations for Loihi 2: files, rules by name, repairs, and the arithmetic of netx."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.loihi_programs import sigma_delta_chain
from snnsim import export
from snnsim.delta import SigmaDelta, encode, freeze, sparsify
from snnsim.export import targets
from snnsim.simulation import Events, Probe, Simulator

PROBE = Probe(spikes=True, membranes={"out": None})


def changes(rng, steps=30, recordings=2):
    return rng.integers(-3, 4, (steps, recordings, 6)) * (rng.random((steps, recordings, 6)) < 0.4)


def netx(path, changes, steps):
    """Return the messages of each layer and the sums of the last one, (time, neuron), by the equations of lava."""
    with h5py.File(path) as file:
        layers = [file[f"layer/{number}"] for number in range(1, len(file["layer"]))]
        sent, messages = np.concatenate([changes, np.zeros((steps - len(changes), changes.shape[1]), int)]), []
        for layer in layers:
            weight, delay, neuron = layer["weight"][()], layer["delay"][()], layer["neuron"]
            assert neuron["type"][0] == b"SDNN"
            assert weight.min() >= -256
            assert weight.max() <= 254
            arrived = np.zeros((steps, len(weight)), int)
            for (post, pre), amount in np.ndenumerate(weight):
                # a step besides the delay
                late = 1 + delay[post, pre]
                arrived[late:, post] += amount * sent[: steps - late, pre]
            sigma = arrived.cumsum(0)
            if "sigma_output" in neuron:
                return messages, sigma
            bias = layer["bias"][()] if "bias" in layer else 0
            act, before, threshold = np.maximum(sigma + 64 * bias, 0), 0, 64 * neuron["vThMant"][()]
            sent, residue = np.zeros_like(sigma), 0
            for step in range(steps):
                delta = act[step] - before + residue
                fired = np.where(abs(delta) >= threshold, delta, 0)
                residue, before = delta - fired, act[step]
                sent[step] = fired >> 6
            messages.append(sent)
    raise AssertionError("no layer is a readout")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_netx_sends_the_messages_of_the_program(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    program, path = sigma_delta_chain(rng), tmp_path_factory.mktemp("netx") / "net.net"
    export.write(program, "loihi2", path)
    assert targets.read("loihi2", path).same_as(program)
    frames = changes(rng)
    with h5py.File(path) as file:
        late = json.loads(file.attrs["header"])["lateness"]
    result = Simulator(program).run(Events.from_frames(frames), PROBE)
    for recording in range(frames.shape[1]):
        messages, sums = netx(path, frames[:, recording], len(frames) + max(late.values()))
        for name, sent in zip(("a", "b"), messages, strict=True):
            assert not sent[: late[name]].any()
            step, neuron = result.spikes(name, recording)
            ours = np.zeros((len(frames), sent.shape[1]), bool)
            ours[step, neuron] = True
            assert np.array_equal(sent[late[name] : late[name] + len(frames)] != 0, ours)
        out = program.population("out")
        theirs = (sums[late["out"] :][: len(frames)] + out.bias) * out.scale
        np.testing.assert_allclose(result.membrane("out", recording), theirs, rtol=1e-12, atol=0)


def with_part(program, name, **new):
    parts = [replace(each, **new) if each.name == name else each for each in program.populations]
    return replace(program, populations=tuple(parts))


def broken(program, rule):
    part = program.population("a")
    if rule == "weight_range":
        edge = program.edges[0]
        return replace(program, edges=(replace(edge, weight=edge.weight * 40), *program.edges[1:]))
    if rule == "message_unit":
        return replace(program, fixed=replace(program.fixed, weight_shift=8))
    if rule == "arithmetic":
        return replace(program, fixed=replace(program.fixed, word_bits=32))
    if rule == "sigma_delta":
        return with_part(program, "a", model="delta")
    if rule == "threshold_grid":
        return with_part(program, "a", threshold=part.threshold + 5)
    if rule == "one_threshold":
        return with_part(program, "a", threshold=part.threshold + 64 * np.arange(part.size))
    if rule == "bias_grid":
        return with_part(program, "a", bias=part.bias - 5)
    return with_part(program, "a", bias=part.bias + 640)


@pytest.mark.parametrize(
    ("rule", "repaired"),
    [("weight_range", True), ("message_unit", True), ("arithmetic", True), ("threshold_grid", True),
     ("one_threshold", True), ("bias_grid", True), ("sigma_delta", False), ("no_positive_bias", False)],
)  # fmt: skip
def test_rules_are_named_and_repairs_remove_their_violations(rule, repaired):
    program = sigma_delta_chain(np.random.default_rng(3))
    assert list(targets.TARGETS["loihi2"].violations(program)) == []
    changed = broken(program, rule)
    violations = list(targets.TARGETS["loihi2"].violations(changed))
    assert rule in [violation.rule for violation in violations]
    with pytest.raises(ValueError, match=rf"\[{rule}\]"):
        export.write(changed, "loihi2", "never.net")
    after, applied = targets.fixed(changed, "loihi2")
    assert bool(applied) == repaired
    assert (list(targets.TARGETS["loihi2"].violations(after)) == []) == repaired


def test_a_sparsified_network_of_torch_is_exported(tmp_path):
    torch.manual_seed(0)
    layers = nn.Linear(6, 9, bias=False), nn.ReLU(), nn.Linear(9, 7, bias=False), nn.ReLU(), nn.Linear(7, 3)
    frames = torch.rand(12, 2, 6)
    network, _ = sparsify(nn.Sequential(*layers), frames, step=0.3, folded=False, coding=SigmaDelta)
    program = freeze(network.eval(), time_step_ms=1.0)
    repaired, applied = targets.fixed(program, "loihi2")
    assert [each.name for each in applied] == ["quantize_messages", "thresholds_to_grid"]
    export.write(repaired, "loihi2", tmp_path / "net.net")
    result = Simulator(repaired).run(Events.from_frames(encode(network, frames)))
    assert result.counts("hidden0").sum() > 0
    with pytest.raises(ValueError, match=r"'hidden0': neurons must send spikes"):
        export.write(repaired, "loihi1", tmp_path / "net.loihi1")
