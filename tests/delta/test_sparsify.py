"""Users' networks with coded inputs: reports, outputs, penalties and counts."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from snnsim.delta import SigmaDelta, sparsify
from snnsim.delta.fan_out import fan_out
from snnsim.delta.trace import add, total


class Pictures(nn.Module):
    """A network of a user, with functions in place of modules, and a part that no coding fits."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.last = nn.Linear(6 * 4, 5)
        self.unused = nn.Linear(3, 3)
        self.memory = nn.GRU(5, 3)

    def forward(self, frames):
        values = functional.max_pool2d(functional.relu(self.second(functional.relu(self.first(frames)))), 2)
        return self.memory(self.last(values.flatten(1))[None])[0][0]


class Steps(nn.Module):
    """A network that computes its sequence step by step, as spiking networks of other libraries do."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, frames):
        membrane, outputs = 0.0, []
        for frame in frames:
            membrane = 0.5 * membrane + self.first(frame)
            outputs.append(self.second((membrane > 0.2).float()))
        return torch.stack(outputs)


def _frames(*shape):
    frames = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    frames[3:] = frames[2]
    return frames


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(0)
    model, frames = Pictures(), _frames(6, 3, 1, 8, 8)
    return model, frames, *sparsify(model, frames, step=0.2)


def test_the_report_names_what_was_taken_and_why_the_rest_was_not(pictures):
    _, _, _, report = pictures
    assert [each.name for each in report.taken] == ["first", "second", "last"]
    assert [each.form for each in report.taken] == ["folded"] * 3
    assert report.taken[1].shape == (4, 4, 4)
    assert "GRU is no layer that is linear" in report.refused["memory"]
    assert "did not reach" in report.refused["unused"]
    assert "first: coded, (1, 8, 8) inputs" in str(report)
    assert "unused: not coded" in str(report)


def test_small_steps_leave_the_network_as_it_is_and_no_hook_remains(pictures):
    model, frames, _, _ = pictures
    fine, _ = sparsify(model, frames, step=1e-7)
    expected = model(frames.flatten(0, 1)).unflatten(0, (6, 3))
    torch.testing.assert_close(fine(frames), expected, rtol=1e-4, atol=1e-5)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_the_penalty_is_that_of_the_coded_values_and_trains_every_step(pictures):
    _, frames, network, report = pictures
    _, trace = network.run(frames)
    coded = {layer.name: layer.coded.detach() for layer in trace.layers}
    sizes = {name: (q[1:] - q[:-1]).abs().flatten(2).sum(2).mean() for name, q in coded.items()}
    torch.testing.assert_close(trace.penalty(0.5).detach(), 0.5 * sum(sizes.values()))
    torch.testing.assert_close(trace.penalty({"last": 2.0}).detach(), 2 * sizes["last"])
    taken = report.taken[0]
    weight = (taken.fan_out / taken.fan_out.mean()).float()
    weighted = ((coded["first"][1:] - coded["first"][:-1]).abs() * weight).flatten(2).sum(2).mean()
    torch.testing.assert_close(trace.penalty({"first": 1.0}, weights="operations").detach(), weighted)
    network.zero_grad()
    trace.penalty().backward()
    assert all(float(coding.step.grad) < 0 for coding in network.codings)
    with pytest.raises(ValueError, match="layer 'other' is unknown"):
        trace.penalty({"other": 1.0})
    with pytest.raises(ValueError, match="had one step"):
        network.run(frames[:1])[1].penalty()


def test_counts_are_those_of_single_multiplications(pictures):
    model, frames, network, _ = pictures
    trace = network.run(frames)[1]
    count = trace.counts()["second"]
    layer = next(layer for layer in trace.layers if layer.name == "second")
    operations = {"dense": 0, "nonzero": 0, "change": 0, "event": 0, "first_event": 0}
    events = 0
    reach = torch.zeros(4, 4, 4, dtype=torch.int64)
    for channel in range(4):
        for row in range(4):
            for column in range(4):
                probe = torch.zeros(1, 4, 4, 4)
                probe[0, channel, row, column] = 1
                kernel = nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False)
                nn.init.ones_(kernel.weight)
                reach[channel, row, column] = int((kernel(probe) != 0).sum())
    for t in range(6):
        values, before = layer.values[t], layer.values[t - 1]
        coded, last = layer.coded[t].detach(), layer.coded[t - 1].detach()
        operations["dense"] += 3 * int(reach.sum())
        operations["nonzero"] += int(((values != 0) * reach).sum())
        if t == 0:
            operations["first_event"] = int(((coded != 0) * reach).sum())
            continue
        operations["change"] += int(((values != before) * reach).sum())
        operations["event"] += int(((coded != last) * reach).sum())
        events += int((coded != last).sum())
    assert {name: getattr(count, name) for name in operations} == operations
    assert (count.events, count.steps, count.recordings) == (events, 18, 3)
    assert 0 < count.positive_events < count.events
    assert count.state_words == 64 + 6 * 16
    assert torch.equal(fan_out(model.second, (4, 4, 4)).long(), reach)


def test_counts_of_two_runs_add_up_and_a_resting_scene_has_no_events(pictures):
    _, frames, network, _ = pictures
    parts = [network.run(frames[:, chosen])[1].counts() for chosen in ([0], [1, 2])]
    complete = network.run(frames)[1].counts()
    together = add(add({}, parts[0]), parts[1])
    assert together == complete
    assert total(complete, "event") == sum(count.event for count in complete.values())
    still = frames[:1].expand(5, 3, 1, 8, 8)
    assert total(network.run(still)[1].counts(), "event") == 0


def test_twice_the_frame_rate_halves_the_share_of_events_of_a_slow_change():
    time = torch.linspace(0, 1, 65)[:, None, None]
    model = nn.Sequential(nn.Linear(8, 4))
    slow = torch.sin(time * torch.arange(1, 9))
    coded, _ = sparsify(model, slow, step=0.3)
    fast, half = (coded.run(frames)[1].active_share()["0"] for frames in (slow[::2], slow))
    assert half == pytest.approx(fast / 2, rel=0.15)


def test_networks_with_spikes_code_their_graded_input_alone():
    torch.manual_seed(1)
    model, frames = Steps(), _frames(6, 3, 4)
    network, report = sparsify(model, frames, folded=False, coding=SigmaDelta, step=0.1)
    assert [(each.name, each.form) for each in report.taken] == [("first", "stepwise")]
    assert "spikes" in report.refused["second"]
    output, trace = network.run(frames)
    assert output.shape == (6, 3, 3)
    # the state of the coding lasts from call to call
    assert torch.equal(trace.layers[0].coded, network.codings[0](frames))
    with pytest.raises(ValueError, match="layers third must be taken"):
        sparsify(model, frames, folded=False, layers=["third"])
    chosen, _ = sparsify(model, frames, folded=False, layers=["second"])
    assert [each.name for each in chosen.report.taken] == ["second"]


@pytest.mark.parametrize("batch", [1, 2])
def test_frames_of_one_channel_are_frames_with_any_number_of_items(batch):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    network, report = sparsify(model, _frames(5, batch, 1, 8, 8))
    assert [(each.form, each.shape, each.outputs) for each in report.taken] == [
        ("folded", (1, 8, 8), 144), ("folded", (144,), 2)
    ]  # fmt: skip
    assert network(_frames(5, 3, 1, 8, 8)).shape == (5, 3, 2)


def test_misuse_is_refused_by_name(pictures):
    model, frames, network, _ = pictures
    with pytest.raises(ValueError, match=r"sparsify: frames must be a tensor \(time, batch"):
        sparsify(model, frames[0, 0, 0])
    with pytest.raises(ValueError, match="layer 'first' must get"):
        network(torch.rand(6, 3, 1, 10, 10))
    with pytest.raises(ValueError, match="has no weighted layer"):
        sparsify(nn.Sequential(nn.ReLU()), frames)
