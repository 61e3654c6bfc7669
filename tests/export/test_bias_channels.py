import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import frames_for, programs
from snnsim.export.bias_channels import with_bias_channel, with_bias_spikes
from snnsim.simulation import Events, Probe, Simulator


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_bias_channel_does_the_same_as_biases(data):
    program = data.draw(programs(fixed=False))
    events = Events.from_frames(data.draw(frames_for(program)))
    changed = with_bias_channel(program)
    assert not any(part.bias.any() for part in changed.populations)
    before = Simulator(program).run(events, Probe(spikes=True))
    still, fed = with_bias_spikes(changed, events)
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
    program = data.draw(programs(fixed=True).filter(lambda each: any(part.bias.any() for part in each.populations)))
    with pytest.raises(ValueError, match="biases of a program in integers are finer than its weights"):
        with_bias_channel(program)
