"""Recordings on a grid of steps and channels: counted events, or a coding that is computed when a batch needs it."""

from snnsim.data.binning import Binned
from snnsim.data.coding.coded import CodedRecordings

GridRecordings = Binned | CodedRecordings
"""What batches, evaluation and simulation take."""
