"""Loihi 1 and Loihi 2: their arithmetic, limits and files.

    u ← sign(u) ⌊|u| (4096 − decay_u) / 4096⌋ + Σ w 2^(6 + w_exp)      u wraps around beyond ± 2^23
    v ← sign(v) ⌊|v| (4096 − decay_v) / 4096⌋ + u                      v within ± (2^23 − 1)
    fires where v > vth 2^6, then v = 0

Loihi 1 (`.loihi1`): any graph, as HDF5 of mantissas

    population/K   name, decay_v, vth      one for all of its neurons; decay_u, 4096 where there is none
    edge/K         pre, post, weight, delay (synapse,); attributes source, target, w_exp

Loihi 2 (`.net`): a chain of dense layers with a delay for every synapse, which netx of lava-dl reads

    layer/0     shape, type "input"
    layer/K     shape, type "dense", inFeatures, outFeatures, weight and delay (target, source)
                neuron/{type "CUBA", iDecay, vDecay, vThMant, refDelay 1, gradedSpike}
    simulation  Ts, tSample

That is the integer rule of a Program, with m = 4096 − decay_v, θ = vth 2^6 + 1, w 2^shift = weight 2^(6 + w_exp); in
netx, weights count in 2^6. A decay_u of 4096 leaves a current for one step (lif_hard); a smaller one is the exponential
synapse of cuba_lif_hard with a gain of 1 and ρ = 4096 − decay_u.

Units    delay in steps of the chip, 0 to 62: a spike arrives a step and `delay` later; population K fires
         header["lateness"] steps late · weight of Loihi 1 even, −256 to 254: the sign takes the last of 8 bits
Names    header (JSON, attribute): the header of a Program, lateness, and each population's unit, the scale of its
         membranes; netx does not read it, it makes the file a Program again
Differs  a readout is a population that never fires (vth at its largest), whose v is read · where netx has no synapse,
         weight and delay are 0 · netx has no edge that skips a layer or turns back, and no second synapse of a pair, so
         such Programs are refused for Loihi 2
Source   Davies et al. 2018, IEEE Micro 38(1):82; the rule as in lava-nc 0.10.0 and brian2-loihi 0.5.2; lava-dl 0.6.0,
         lava/lib/dl/netx/hdf5.py; a delay of its own for every synapse is in its code, not in its manual
"""

from snnsim.export.loihi.read import read_loihi1, read_loihi2
from snnsim.export.loihi.rules import LOIHI1_REPAIRS, LOIHI2_REPAIRS, check_loihi1, check_loihi2
from snnsim.export.loihi.write import write_loihi1, write_loihi2

__all__ = [
    "LOIHI1_REPAIRS",
    "LOIHI2_REPAIRS",
    "check_loihi1",
    "check_loihi2",
    "read_loihi1",
    "read_loihi2",
    "write_loihi1",
    "write_loihi2",
]
