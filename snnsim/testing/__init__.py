"""Contracts of parts: authors of plug-ins run these checks in the tests of their own packages.

    from snnsim import testing

    testing.check_neuron(MyNeuron)                          a subclass of snnsim.nn.protocols.Neuron
    testing.check_target("my-target", tmp_path)             a name of snnsim.export.TARGETS
    testing.check_dataset("my-data", tmp_path)              a name of snnsim.data.registry.DATASETS
    testing.check_logger("my-logger", tmp_path)             a kind of `training.loggers`

A check raises an AssertionError at the first property that does not hold.
"""

from snnsim.testing.datasets import check_dataset
from snnsim.testing.loggers import check_logger
from snnsim.testing.neurons import check_neuron
from snnsim.testing.targets import check_target

__all__ = ["check_dataset", "check_logger", "check_neuron", "check_target"]
