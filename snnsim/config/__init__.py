"""The config of a run: data, network and training as frozen values, checked when built, to and from TOML.

TOML has no None: a value of None is left out of the file where None is the default, and is the text "none" elsewhere.
Every number has bounds; experiment/estimate.py checks the memory that all of them together need.
"""

from snnsim.config.assignments import parse_assignment
from snnsim.config.data import Data
from snnsim.config.network import Network
from snnsim.config.run import Config
from snnsim.config.task import AnyTask
from snnsim.config.training import Training

__all__ = ["AnyTask", "Config", "Data", "Network", "Training", "parse_assignment"]
