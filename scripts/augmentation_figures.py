"""Draw a raster of a recording before and after every augmentation, for docs/augmentation.md.

    scripts/augmentation_figures.py --data-path FOLDER

The recordings are those of a training file in SHD's format. A picture shows the first recording of the file that the
augmentation changes visibly in the first epoch, in the order of the file.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.data import heidelberg
from snnsim.data.augment import KINDS, Augmentation, CutMix, augment_with_probabilities
from snnsim.data.recordings import Recordings
from snnsim.plots.style import BLUE, INK, WIDTH_INCH, save, style

FIGURES = Path(__file__).parent.parent / "figures"
COUNT = 300
"""Recordings of the file that partners are drawn from."""


def main() -> None:
    """Draw the pictures of all kinds into figures/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-path", type=Path, required=True, help="folder of shd_train.h5")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recordings = heidelberg.read(heidelberg.find(options.data_path, "shd")["train"]).select(np.arange(COUNT))
    for name in KINDS:
        path = FIGURES / f"augment-{name.replace('_', '-')}.png"
        save(picture(recordings, shown_settings(name), options.seed), path)
        print(path)


def shown_settings(name: str) -> Augmentation:
    """Return an augmentation of every recording, with the defaults of its kind or settings that a picture can show.

    Args:
        name: Name of the kind in KINDS.
    """
    changed = {
        "event_drop": {"share": 0.5},
        "chunk_drop": {"most": 0.2},
        "time_jitter": {"sd_ms": 10.0},
        "channel_jitter": {"sd": 10.0},
        "noise_spikes": {"least": 500, "most": 500},
    }
    return KINDS[name](probability=1.0, **changed.get(name, {}))


def picture(recordings: Recordings, kind: Augmentation, seed: int) -> Figure:
    """Return a figure of a recording before and after an augmentation.

    Args:
        recordings: Recordings; the figure shows the first that changes visibly.
        kind: Augmentation with its settings.
        seed: Seed of the augmentation.
    """
    result, probability = augment_with_probabilities(recordings, [kind], seed=seed)
    number = _visible(recordings, result)
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 1.7), layout="constrained")
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, each, title in zip(panels, (recordings, result), ("as recorded", kind.kind), strict=True):
            _raster(axes, each, number, title, INK if each is recordings else BLUE)
        own = recordings.classes[recordings.label[number]]
        if isinstance(kind, CutMix):
            shares = [
                f"{recordings.classes[i]} {probability[number, i]:.2f}" for i in np.flatnonzero(probability[number])
            ]
            panels[1].set_title(f"{kind.kind}: {', '.join(shares)}")
        panels[0].set_title(f"as recorded: {own}")
        panels[0].set_ylabel("channel")
        panels[0].set_xlim(0, 1.05 * max(float(each.events(number)[0].max()) for each in (recordings, result)))
    return figure


def _visible(recordings: Recordings, result: Recordings) -> int:
    """Return the first recording whose spikes change by more than a twentieth.

    Raises:
        ValueError: If no recording does.
    """
    for number in range(len(recordings)):
        before, after = (set(zip(*each.events(number), strict=True)) for each in (recordings, result))
        if len(before ^ after) > 0.05 * len(before):
            return number
    raise ValueError("no recording of the file changes visibly; choose another --seed")


def _raster(axes: Axes, recordings: Recordings, number: int, title: str, color: str) -> None:
    time_ms, unit = recordings.events(number)
    axes.plot(time_ms, unit, ",", color=color, alpha=0.6)
    axes.set_title(title)
    axes.set_xlabel("time (ms)")
    axes.set_ylim(0, recordings.units)


if __name__ == "__main__":
    main()
