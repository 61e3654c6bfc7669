"""Configs of published recipes for SHD and SSC, with what differs from them.

Common to all: SHD is validated by speaker, SSC by its own split; the grid of frames starts at time 0; no recording of
an epoch is left out; schedules move with every batch; weights start as everywhere here, biases and states at 0. The
readout has no bias, and where there is batch normalization, only it has biases.

    shd-delrec     DelRec: Queant, Rançon, Cottereau, Masquelier 2025, arXiv 2509.24852. 2 x 256, recurrent delays in
                   layer 2. Differs: the paper triples the training set (as it is; with times of channels shifted;
                   blended) for 150 epochs. Here are 450 epochs, in which a recording is shifted with probability 1/3,
                   and blended with probability 1/3. Frames of the paper start at the first spike
    ssc-delrec     the same, 3 x 256, all recurrent. Differs: delays start uniform from 1 to 20 steps, not normal; the
                   windows of all delays narrow alike, and spreads are not learned; dropout is behind the neurons, not
                   on their current; the score is the mean of the readout over time, not its sum
    shd-se-adlif   SE-adLIF: Baronig, Ferrand, Sabathiel, Legenstein 2025, Nat. Commun. 2 x 360. Differs: the surrogate
                   exp(-5 |x|) is 1 / (1 + 5 |x|)^2 here, with the same height and area; the readout adds its current
                   unscaled, 15 times the paper's; the first 10 steps count in the loss; recordings run 100 ms beyond
                   their end, in place of padding to 250 steps
    ssc-silif      SiLIF: arXiv 2506.06374. 2 x 512. Differs: momentum 0.1 in batch normalization, not 0.05; the readout
                   has no batch normalization, and its learned decays start equal; states of the paper start at random

The recipe `chaotic` is our own, for the chaotic series of NeuroBench: a hidden layer, and delays from the input to the
readout besides. Windows of one step and rounded delays make the network of training that of evaluation: the rounding of
other windows costs more than the error of a step.
"""

from snnsim.config import Config, Data, Network, Training
from snnsim.config.neurons import LIF, AdLIF, SiLIF
from snnsim.config.readout import Readout
from snnsim.config.recurrence import DelayedRecurrence, DenseRecurrence
from snnsim.config.skips import DelayedSkip
from snnsim.config.task import StepRegressionTask
from snnsim.data.augment.kinds import Blend, ChannelTimeShift
from snnsim.learning.options import Adam, AdamW, Constant, OneCycle, Plateau

# the triangle of half-width 1 + 10 * 0.95^(100 e / E) in epoch e of E
_WIDE, _NARROW = 11.0, 1 + 10 * 0.95**100

SHD_DELREC = Config(
    name="shd-delrec",
    data=Data(
        name="shd", time_step_ms=10.0,
        augment=(Blend(probability=1 / 3, end_ms=None), ChannelTimeShift(probability=1 / 3)),
    ),
    network=Network(
        hidden=(256, 256), delays="none", neuron=LIF(tau_ms=10.5), readout=Readout(tau_ms=10.5), dropout=0.4,
        extra_ms=0.0,
        recurrent=DelayedRecurrence(
            layers=(2,), max_delay_ms=400.0, start_ms=(110.0, 310.0), dropout=0.2,
            window="max", sigma_start=_WIDE, sigma_end=_NARROW,
        ),
    ),
    training=Training(
        epochs=450, batch_size=256, lr=5e-3, lr_delay=5e-2, sigma_epochs=1.0,
        optimizer=AdamW(), delay_optimizer=AdamW(),
    ),
)  # fmt: skip
SSC_DELREC = Config(
    name="ssc-delrec",
    data=Data(name="ssc", time_step_ms=5.6, max_time_ms=1400.0),
    network=Network(
        hidden=(256, 256, 256), delays="none", batch_norm=False, bias=True, dropout=0.1, extra_ms=0.0,
        neuron=LIF(tau_ms=11.2, reset="soft", detach_reset=False, surrogate="triangle", surrogate_alpha=1.0),
        readout=Readout(tau_ms=5.6),
        recurrent=DelayedRecurrence(
            max_delay_ms=224.0, start_ms=(5.6, 112.0), dropout=0.3,
            window="max", sigma_start=_WIDE, sigma_end=_NARROW,
        ),
    ),
    training=Training(
        decision="mean_membrane", epochs=100, batch_size=128, lr=1e-3, lr_delay=5e-2, sigma_epochs=1.0,
        delay_schedule=OneCycle(),
    ),
)  # fmt: skip
SHD_SE_ADLIF = Config(
    name="shd-se-adlif",
    data=Data(name="shd", time_step_ms=4.0),
    network=Network(
        hidden=(360, 360), delays="none", batch_norm=False, bias=True, dropout=0.15, dropout_mask="step",
        extra_ms=100.0, neuron=AdLIF(surrogate="fast_sigmoid", surrogate_alpha=5.0), readout=Readout(tau_ms=60.0),
        recurrent=DenseRecurrence(dropout=0.0),
    ),
    training=Training(
        epochs=300, batch_size=256, lr=1e-2, weight_decay=0.0, optimizer=Adam(clip_norm=1.5), schedule=Constant()
    ),
)  # fmt: skip
SSC_SILIF = Config(
    name="ssc-silif",
    data=Data(name="ssc", time_step_ms=4.0, max_time_ms=1200.0),
    network=Network(
        hidden=(512, 512), delays="none", dropout=0.5, extra_ms=0.0, neuron=SiLIF(),
        readout=Readout(tau_ms=40.0, learn_decay="neuron"),
    ),
    training=Training(
        epochs=100, batch_size=256, lr=1e-2, weight_decay=0.0, schedule=Plateau(factor=0.7, patience=10)
    ),
)  # fmt: skip

RECIPES = (SHD_DELREC, SSC_DELREC, SHD_SE_ADLIF, SSC_SILIF)
"""All recipes of SHD and SSC."""

CHAOTIC = Config(
    name="chaotic",
    data=Data(name="chaotic", channels=128),
    network=Network(
        hidden=(128,), max_delay_ms=240.0, taps=4, window="v0", batch_norm=False, dropout=0.0, extra_ms=0.0,
        neuron=LIF(tau_ms=10.05), readout=Readout(tau_ms=10.0), skip=(DelayedSkip(source=0, target=2),),
    ),
    training=Training(epochs=40, batch_size=16, lr=1e-2, lr_delay=0.02, delays="5bit"),
    task=StepRegressionTask(target="change"),
)  # fmt: skip
