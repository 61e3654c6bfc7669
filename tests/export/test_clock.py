import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import frames_for, programs
from snnsim.export.bias_channel import ticking, with_clock
from snnsim.simulation import Events, Probe, Simulator


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_clock_does_what_biases_did(data):
    program = data.draw(programs(fixed=False))
    events = Events.from_frames(data.draw(frames_for(program)))
    changed = with_clock(program)
    assert not any(part.bias.any() for part in changed.populations)
    before = Simulator(program).run(events, Probe(spikes=True))
    still, fed = ticking(changed, events)
    after = Simulator(still).run(fed, Probe(spikes=True))
    for part in program.populations:
        if part.fires:
            for recording in range(len(events)):
                for one, other in zip(
                    before.spikes(part.name, recording), after.spikes(part.name, recording), strict=True
                ):
                    np.testing.assert_array_equal(one, other)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_biases_of_integers_are_too_fine_for_a_synapse(data):
    program = data.draw(programs(fixed=True).filter(lambda made: any(part.bias.any() for part in made.populations)))
    with pytest.raises(ValueError, match="biases of a program in integers are finer than its weights"):
        with_clock(program)
