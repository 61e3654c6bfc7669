"""Configs of the trained networks in the folder models/, for SHD.

    shd-best     2 x 384 with axonal delays: at most 250,000 parameters
    shd-small    2 x 128 with axonal delays: at most 40,000 parameters

They were chosen by the accuracy on speakers that the training does not hear; docs/results.md has what was compared.
"""

from snnsim.config import Config, Data, Network, Training
from snnsim.data.augment.kinds import (
    Blend,
    ChannelJitter,
    ChannelMask,
    ChannelShift,
    ChannelWarp,
    TimeMask,
    TimeStretch,
)

_AUGMENT = (Blend(), ChannelShift(), TimeStretch(), ChannelMask(), TimeMask(), ChannelJitter(), ChannelWarp())
_DATA = Data(name="shd", augment=_AUGMENT)

SHD_BEST = Config(
    name="shd-best",
    data=_DATA,
    network=Network(hidden=(384, 384), delay_kind="axonal", dropout=0.3),
    training=Training(epochs=120, batch_size=128),
)
SHD_SMALL = Config(
    name="shd-small",
    data=_DATA,
    network=Network(hidden=(128, 128), delay_kind="axonal", dropout=0.1),
    training=Training(epochs=90, batch_size=128),
)

MODELS = (SHD_BEST, SHD_SMALL)
"""All of them."""
