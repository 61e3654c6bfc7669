"""Arguments that a simulation refuses before compiled code runs, its memory, and indices from the end."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.small_programs import chain, one_spike_each
from snnsim.program import Edge, Population, Program
from snnsim.quantization import Scheme, quantize
from snnsim.simulation import Events, Probe, Simulator, energy, simulate


def events(**changes):
    arrays = {"step": [0, 2], "channel": [0, 1], "count": [1, 1], "offset": [0, 2], "length": [3]}
    return Events(**{name: np.array(values) for name, values in (arrays | changes).items()})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: events(offset=[0, 0, 2], length=[-3_000_000, 3_000_010]), "length must be from 0 to 2147483647 steps"),
        (lambda: events(length=[2**40]), "length must be from 0 to 2147483647 steps, not 1099511627776"),
        (lambda: events(length=[3.5]), "length must be a row of whole numbers"),
        (lambda: events(step=[0.5, 1.9]), "step must be a row of whole numbers from -2147483648"),
        (lambda: events(step=[0, 2**32 + 3]), "step must be a row of whole numbers"),
        (lambda: events(channel=[0.0, 1.7]), "channel must be a row of whole numbers"),
        (lambda: events(channel=[0, 2**32 + 3]), "channel must be a row of whole numbers"),
        (lambda: events(channel=["0", "1"]), "channel must be a row of whole numbers"),
        (lambda: events(offset=[0, np.nan]), "offset must be a row of whole numbers"),
        (lambda: events(count=[1, np.nan]), r"count must be finite and within ± 2147483647, not from nan to nan"),
        (lambda: events(count=[1, np.inf]), "count must be finite"),
        (lambda: events(count=[1, 2**31]), "count must be finite and within"),
        (lambda: events(count=[[1, 1]]), "count must be a row of numbers"),
        (lambda: events(count=["1", "1"]), "count must be a row of numbers"),
        (lambda: Events.from_frames(np.full((1, 1, 1), np.nan)), "count must be finite"),
        (lambda: Events.from_frames(np.full((1, 1, 1), "a")), "frames must be numbers, not <U1"),
        (lambda: Events.from_frames(np.ones((2, 1, 1)), length=np.array([1])), "steps must be from 0 to the recording"),
        (lambda: Events.single(np.array([2**32 + 3]), np.array([0]), steps=5), "step must be a row of whole numbers"),
        (lambda: Events.single(np.array([0]), np.array([0]), steps=1.5), "steps must be an integer"),
        (lambda: one_spike_each().part(3, 1), "end must be an integer of at least 3, not 1"),
        (lambda: one_spike_each().part(-1, 1), "begin must be an integer of at least 0, not -1"),
        (lambda: one_spike_each().part(0.5, 1), "begin must be an integer"),
        (lambda: one_spike_each().select([1]), "recordings must be from 0 to 0, or from -1 to -1"),
        (lambda: one_spike_each().select([0.5]), "recordings must be a row of whole numbers"),
        (lambda: one_spike_each().select(np.array([True, True])), "recordings must be integers, or 1 bools"),
        (lambda: simulate("digits.snn", one_spike_each()), "program must be a Program, not 'digits.snn'"),
        (lambda: simulate(chain(), np.zeros((1, 1, 2))), "events must be an Events, not a ndarray"),
        (lambda: simulate(chain(), one_spike_each(), engine=["clock_driven"]), "engine a list is unknown"),
        (lambda: simulate(chain(), one_spike_each(), precision=None), "precision None is unknown"),
        (lambda: simulate(chain(), one_spike_each(), threads=1.5), "threads must be an integer"),
        (lambda: simulate(chain(), one_spike_each(), threads=True), "threads must be an integer"),
        (lambda: simulate(chain(), one_spike_each(), seed=1.5), "a seed must be an integer"),
        (lambda: simulate(chain(), one_spike_each(), seed=-1), "a seed must be from 0 to below"),
        (lambda: simulate(chain(), one_spike_each(), record={"a": None}), "record must be a Probe, not a dict"),
        (lambda: Probe(membranes=["a"]), "membranes must be neurons by population"),
        (lambda: Probe(spikes=1), "spikes must be True or False, not 1"),
        (
            lambda: simulate(chain(), one_spike_each(), record=Probe(membranes={"a": [0.5]})),
            "neurons of 'a' must be a",
        ),
        (lambda: simulate(chain(), one_spike_each(), record=Probe(membranes={"a": [-3]})), "neurons of 'a' must be"),
        (lambda: Simulator(chain()).start(-1), "streams must be an integer of at least 0"),
        (lambda: Simulator(chain()).feed(one_spike_each(), None), "state must be a State, not None"),
        (
            lambda: replace(Simulator(chain()).start(), voltage=np.full((1, 4), np.nan)),
            "voltage must be finite numbers",
        ),
        (lambda: replace(Simulator(chain()).start(), step=-1), "step must be an integer from 0"),
        (lambda: simulate(chain(), one_spike_each()).scores("max"), "decide must be a function"),
        (lambda: energy(float("nan"), "loihi"), "operations must be a finite number"),
    ],
)
def test_arguments_of_wrong_type_or_range_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_arrays_are_checked_again_before_a_run(engine):
    changed = events()
    changed.offset[1] = 10**6
    with pytest.raises(ValueError, match="offset must ascend from 0 to the number of events"):
        simulate(chain(), changed, engine=engine)


def test_negative_indices_count_from_the_end():
    frames = np.random.default_rng(0).random((9, 4, 2)) < 0.5
    recordings = Events.from_frames(frames)
    result = simulate(chain(), recordings, record=Probe(True, {"out": None, "a": [-1]}))
    for index in range(-4, 0):
        for one, other in zip(result.spikes("a", index), result.spikes("a", index + 4), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(result.membrane("a", index), result.membrane("a", index + 4))
        np.testing.assert_array_equal(result.output(index), result.output(index + 4))
        np.testing.assert_array_equal(recordings.select([index]).channel, recordings.select([index + 4]).channel)
    mask = np.array([True, False, True, False])
    np.testing.assert_array_equal(recordings.select(mask).step, recordings.select([0, 2]).step)
    assert result.traced["a"].tolist() == [1]
    for read in (result.spikes, result.membrane):
        for index in (4, -5):
            with pytest.raises(ValueError, match=f"recording must be from -4 to 3, not {index}"):
                read("a", index)
    assert simulate(chain(), recordings.select([])).scores().shape == (0, 2)


def test_a_graded_input_is_multiplied_and_counts_as_one_spike():
    graded = events(count=[0.5, -1.5])
    result = simulate(chain(extra_steps=9), graded)
    assert result.counts("input").tolist() == [[1, 1]]
    # 1.0 each, at delays of 1 and 3
    membranes = simulate(chain(extra_steps=9), graded, record=Probe(membranes={"a": None})).membrane("a")
    assert (membranes[1, 0], membranes[5, 1]) == (0.5, -1.5)
    with pytest.raises(ValueError, match="counts must be integers that fit int32"):
        simulate(quantize(chain(), Scheme()), graded)
    with pytest.raises(ValueError, match="numbers that float32 holds exactly; use the precision float64"):
        simulate(chain(), events(count=[0.1, 1.0]), precision="float32")


def test_sums_of_events_in_one_step_and_channel_are_checked():
    program = quantize(chain(), Scheme("int16"))
    once = events(step=[0], channel=[0], count=[60000], offset=[0, 1])
    simulate(program, once)
    twice = events(step=[0, 0], channel=[0, 0], count=[60000, 60000])
    with pytest.raises(ValueError, match="the largest sum of integer weights does not fit 32 bits"):
        simulate(program, twice)


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_weights_in_integers_are_summed_once_for_all_runs(engine, monkeypatch):
    simulator = Simulator(quantize(chain(), Scheme()), engine=engine)
    monkeypatch.setattr(Program, "fan_in_weight", None)
    for _ in range(2):
        assert simulator.run(events()).counts("input").tolist() == [[1, 1]]
        assert simulator.feed(events(), simulator.start())[0].counts("input").tolist() == [[1, 1]]


def far(delay, size=1):
    edge = Edge.of("input", "a", ([0], [0], [delay], [1.0]), sources=1)
    return Program(channels=1, populations=(Population.of("a", size, decay=0.5),), edges=(edge,), time_step_ms=1.0)


@pytest.mark.parametrize(
    ("work", "largest"),
    [
        (lambda: simulate(far(65535, 50_000), Events.from_frames(np.ones((1, 1, 1)))), "currents of 131070 steps: "),
        (lambda: simulate(far(65535), Events.from_frames(np.ones((1, 1, 1))), engine="event_driven"), "queue: "),
        (lambda: Simulator(far(65535, 50_000)).start(2), "currents of 65535 steps: 52 GB, voltages: 800 kB"),
        (lambda: simulate(chain(), Events.single(np.zeros(0), np.zeros(0), steps=2 * 10**9)), "membranes of 2 neurons"),
        (lambda: simulate(replace(far(0), channels=10**9, edges=()), events(channel=[0, 1])), "channels: 40 GB"),
    ],
)
def test_runs_beyond_the_memory_limit_are_refused_with_their_size(monkeypatch, work, largest):
    monkeypatch.setenv("SNNSIM_MEMORY_LIMIT", "500MB")
    with pytest.raises(
        MemoryError, match=rf"needs about [\d.]+ [GM]B of memory, and 500 MB .*largest parts: {largest}"
    ):
        work()
