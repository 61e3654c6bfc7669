"""Xylo Audio 2: synapses and delays of a Program on a chip that has neither a synapse of one step nor a delay.

    chip     I ← decay(I + Σ w s)    v ← decay(v) + I    v // θ spikes, v less θ for each    decay(x) = x − (x >> dash)
    synapse  2w at the delay d, and −w a step later: with dash 1, I is W = Σ w in that step and 0 in the next
    delay    a chain of relays behind a source: relay k fires k steps after it (weight 100, threshold 50, itself −50)
    neuron   dash 0 keeps nothing: v = W. So a bias moves the threshold: fires where W ≥ ⌈(θ − b) / 2^shift⌉

All of it is exact for memoryless neurons (decay 0) of which no sum of weights reaches twice the threshold, where the
chip would fire twice. Membranes with a memory decay there by shifts that round in another way than a Program's.

    NAME.xylo    NumPy's format: weights_in (channel, hidden), weights_rec (hidden, hidden), weights_out (hidden,
                 output), threshold (hidden,), header (JSON, as bytes)

Shapes   hidden: the neurons of all populations that fire, then the relays; header["chains"][P][neuron][k] is the hidden
         neuron that repeats a spike of P k steps later
Units    a step of the chip is a step of the Program; population P fires header["lateness"][P] steps late
Source   16 channels, 1,000 hidden neurons, 8 outputs, weights of 8 bits (rockpool 3.1.0); 2w leaves −63 to 63 for w
Differs  the readout is the chip's outputs, which never fire; their bias, in header["neurons"], is added by the caller
"""

from snnsim.export.xylo.read import read
from snnsim.export.xylo.rules import REPAIRS, check
from snnsim.export.xylo.write import write

__all__ = ["REPAIRS", "check", "read", "write"]
