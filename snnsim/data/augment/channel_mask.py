"""Channel mask: all spikes of a number of neighboring groups of channels are dropped.

    groups first..first + size - 1 of n        size uniform in 0..most, first uniform in 0..n - size

Source   SpikCommander, arXiv 2511.07883: probability 0.5, size in 0..19 of 140 channels on SHD and 0..9 on SSC
"""

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, drop_between
from snnsim.data.augment.kinds import ChannelMask


def apply(kind: ChannelMask, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch without the spikes of neighboring channels.

    Args:
        kind: Settings: probability of a mask, most groups of a mask, channels of a group.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the number of groups, stream 2 the first
            one.
    """
    size = draws.integers(batch.recording, 1, 0, kind.most)
    size[~draws.applied(batch.recording, kind.probability)] = 0
    first = draws.integers(batch.recording, 2, 0, batch.units // kind.group - size)
    drop_between(batch.events, batch.events.unit, first * kind.group, (first + size) * kind.group)
    return batch.with_events(batch.events)
