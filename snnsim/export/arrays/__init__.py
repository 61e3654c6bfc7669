"""Plain arrays for software without a target of its own: one row per synapse, as NumPy's npz or HDF5.

    NAME.npz   population/P/{decay,threshold,bias,unit}; also {width,back} of stochastic models, and
               {gain,second_decay,coupling,jump} of models with a second state variable, those that the model has
               edge/K/{pre,post,delay,weight,machine_delay}
               header (JSON, as bytes)
    NAME.h5    the same as groups and data sets; the header is the attribute `header`

Shapes   arrays of a population (neuron,) · pre, post, delay, weight, machine_delay (synapse,) · P a population's name,
         or header["names"][name] where the name cannot be part of a path · K the index of an edge in header["edges"]
Units    delays in steps of header["time_step_ms"] · `delay` is that of the Program, 0 the same step · `machine_delay`
         is a hardware delay of at least 1, for simulators in which every synapse takes a step: population P then fires
         header["lateness"][P] steps late, and its bias acts from that step on
Names    header: channels, populations [name, model], edges [source, target], readout, decision, classes, extra_steps,
         fixed (integer arithmetic), provenance, and further_readouts of a network with several (version 2): population,
         decision and classes of each; the equations are those of `snnsim.program.model`; lateness is null,
         and machine_delay is missing, where a loop is too short for retiming
"""

from snnsim.export.arrays.read import read_hdf5, read_npz
from snnsim.export.arrays.rules import check
from snnsim.export.arrays.write import write_hdf5, write_npz

__all__ = ["check", "read_hdf5", "read_npz", "write_hdf5", "write_npz"]
