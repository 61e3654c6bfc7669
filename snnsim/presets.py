"""Named configs: published recipes with an honest validation split, generated data sets, and their ablations.

    digits, motifs   generated on this machine
    motifs-xylo      16 channels, memoryless neurons, delays as the only memory: fits the chip Xylo Audio 2
    shd, ssc         DCLS-Delays (Hammouamri, Khalfaoui-Hassani, Masquelier 2024): 2 x 256 and 3 x 512
    images, patterns convolutions as in SLTT (Meng, Xiao, Yan, Wang, Lin, Luo 2023); patterns-delays and
                     patterns-fixed-delays have a delay on every connection
    digits-recurrent, motifs-recurrent, shd-recurrent
                     learned axonal recurrent delays in the last hidden layer, as in DelRec (Queant et al. 2025)
    segments         a class for each step; segments-heads has a head for the class of the recording besides
    waves            numbers for each step; waves-mean, numbers for each recording
    chaotic          the next point of a chaotic series, a number for each step
    motion           spiking kernels over space and delays see the motion of photographs, a class for each step;
                     motion-full has the published sizes
    events, frames, pictures, audio, tonic:NAME
                     data of users, whose number of channels is that of the data
    digits-skip      delayed connections that skip a layer, from the input and to the readout
    digits-adlif     adaptive neurons, SE-adLIF (Baronig, Ferrand, Sabathiel, Legenstein 2025)
    shd-axonal, shd-dendritic, ssc-axonal, ssc-dendritic
                     one delay for each source or target, in place of one for each connection; the same widths, so
                     about half as many parameters
    shd-delrec, ssc-delrec, shd-se-adlif, ssc-silif, chaotic, shd-best, shd-small
                     published recipes, recipes.py says what differs, and the networks of models/, model_presets.py

`digits`, `motifs`, `shd` and `ssc` have the ablations of ABLATIONS as NAME-ABLATION. Their networks without delays,
and those whose delays are not trained, are wider, so that all have about the same number of trained parameters.
"""

from collections.abc import Callable
from dataclasses import replace

from snnsim.config import Config, Data, Network, Training
from snnsim.config.neurons import LIF, AdLIF
from snnsim.config.readout import Readout
from snnsim.config.recurrence import DelayedRecurrence
from snnsim.config.skips import DelayedSkip
from snnsim.config.task import ClassHead, HeadsTask, RegressionTask, StepClassHead, StepClassTask, StepRegressionTask
from snnsim.data import registry
from snnsim.model_presets import MODELS
from snnsim.nn import delay_windows
from snnsim.recipes import CHAOTIC, RECIPES
from snnsim.validation import lookup

_SHD = Config(name="shd", data=Data(name="shd"))
_SSC = Config(
    name="ssc",
    data=Data(name="ssc"),
    network=Network(
        hidden=(512, 512, 512), max_delay_ms=300.0, neuron=LIF(tau_ms=15.0), readout=Readout(tau_ms=15.0),
        dropout=0.25, extra_ms=600.0,
    ),
    training=Training(epochs=60, batch_size=128),
)  # fmt: skip
_DIGITS = Config(
    name="digits",
    data=Data(name="digits", max_time_ms=1400.0),
    network=Network(hidden=(128, 128), extra_ms=100.0, dropout=0.3),
    training=Training(epochs=25, batch_size=64),
)
_MOTIFS = Config(
    name="motifs",
    data=Data(name="motifs", channels=20),
    network=Network(hidden=(128,), max_delay_ms=240.0, dropout=0.3, extra_ms=0.0),
    training=Training(epochs=30, batch_size=64),
)
_MOTIFS_XYLO = Config(
    name="motifs-xylo",
    data=Data(name="motifs-short", channels=16),
    network=Network(
        hidden=(64,), max_delay_ms=100.0, sparsity=0.5, neuron=LIF(tau_ms=10.0), readout=Readout(tau_ms=10.0),
        batch_norm=False, dropout=0.0, extra_ms=0.0,
    ),
    training=Training(epochs=20, batch_size=64),
)  # fmt: skip
# the vision networks of SLTT at a small scale: convolutions with batch norm, average pooling, soft reset, triangle
# surrogate, a leak of 1 / 1.1, and the mean of a memoryless readout as the decision
_VISION = Network(
    convolutions=(16, 32),
    hidden=(),
    delays="none",
    neuron=LIF(tau_ms=11.0, reset="soft", surrogate="triangle", surrogate_alpha=1.0),
    readout=Readout(tau_ms=10.0),
    dropout=0.0,
    extra_ms=0.0,
)
_IMAGES = Config(
    name="images",
    data=Data(name="images", channels=64, height=8, width=8),
    network=_VISION,
    training=Training(decision="mean_membrane", epochs=15, batch_size=64),
)
_PATTERNS = Config(
    name="patterns",
    data=Data(name="patterns", channels=512, height=16, width=16),
    network=_VISION,
    training=Training(decision="mean_membrane", epochs=10, batch_size=64),
)
_PATTERNS_DELAYS = replace(
    _PATTERNS,
    name="patterns-delays",
    network=replace(_PATTERNS.network, delays="learned", max_delay_ms=40.0),
)
_PATTERNS_FIXED_DELAYS = replace(
    _PATTERNS_DELAYS,
    name="patterns-fixed-delays",
    network=replace(_PATTERNS_DELAYS.network, delays="fixed"),
)

# steps are decided as they come, so that nothing runs on after a recording, and the readout forgets fast
_SEGMENTS = Config(
    name="segments",
    data=Data(name="segments", channels=16),
    network=Network(hidden=(64,), max_delay_ms=100.0, dropout=0.0, extra_ms=0.0, readout=Readout(tau_ms=40.0)),
    training=Training(epochs=25, batch_size=50, lr=1e-2),
    task=StepClassTask(target="segment"),
)
_SEGMENTS_HEADS = replace(
    _SEGMENTS,
    name="segments-heads",
    task=HeadsTask(
        heads=(StepClassHead(name="step", target="segment"), ClassHead(name="recording", decision="mean_membrane"))
    ),
)
_WAVES = Config(
    name="waves",
    data=Data(name="waves", channels=20),
    network=Network(hidden=(64,), max_delay_ms=150.0, dropout=0.0, extra_ms=0.0, readout=Readout(tau_ms=20.0)),
    training=Training(epochs=25, batch_size=50, lr=1e-2),
    task=StepRegressionTask(target="wave"),
)
# a mean over steps needs no memory in the readout, whose gain grows with its time constant
_WAVES_MEAN = replace(
    _WAVES,
    name="waves-mean",
    network=replace(_WAVES.network, readout=Readout(tau_ms=10.0)),
    task=RegressionTask(target="mean"),
)


# one layer of kernels over space and 13 delays, the mean of its spikes over all positions, and a memoryless readout
_MOTION = Config(
    name="motion",
    data=Data(name="motion", channels=2048, height=32, width=32, time_step_ms=1.0),
    network=Network(
        convolutions=(48,), hidden=(), kernel=9, stride=4, pool=8, max_delay_ms=12.0, sigma_start=1.5, sparsity=0.5,
        dropout=0.0, extra_ms=0.0, neuron=LIF(tau_ms=2.0), readout=Readout(tau_ms=8.0),
    ),
    training=Training(epochs=12, batch_size=8, lr=5e-3),
    task=StepClassTask(target="motion"),
)  # fmt: skip
_MOTION_FULL = replace(
    _MOTION,
    name="motion-full",
    data=Data(name="motion-full", channels=32768, height=128, width=128, time_step_ms=1.0),
    network=replace(_MOTION.network, convolutions=(72,), kernel=17, pool=32, max_delay_ms=20.0),
    training=replace(_MOTION.training, epochs=100, batch_size=1),
)


# data of users: the number of channels is that of the data
_EVENTS = Config(
    name="events",
    data=Data(name="events", channels=0),
    network=Network(hidden=(128, 128), extra_ms=100.0, dropout=0.3),
    training=Training(epochs=30, batch_size=64),
)
_FRAMES = replace(_EVENTS, name="frames", data=Data(name="frames", channels=0))
_AUDIO = replace(_EVENTS, name="audio", data=Data(name="audio", channels=140))
_PICTURES = Config(
    name="pictures",
    data=Data(name="pictures", channels=0),
    network=Network(hidden=(256,), max_delay_ms=100.0, extra_ms=0.0, neuron=LIF(tau_ms=50.0), dropout=0.3),
    training=Training(epochs=20, batch_size=128),
)


def _tonic(name: str) -> Config:
    """Return the preset of a data set of tonic."""
    return replace(_EVENTS, name=name.replace(":", "-"), data=Data(name=name, channels=0))


def _wide(config: Config) -> tuple[int, ...]:
    """Return the widths at which weights alone are as many as weights and delays at the widths of the config."""
    classes = registry.DATASETS[config.data.name].classes
    depth = len(config.network.hidden)

    def connections(width: float) -> float:
        return config.data.channels * width + (depth - 1) * width**2 + classes * width

    parameters = 2 * connections(config.network.hidden[0])
    width = config.network.hidden[0]
    while connections(width + 1) <= parameters:
        width += 1
    return (width,) * depth


def _no_delays(config: Config) -> Config:
    tau = _NO_DELAY_TAU_MS[config.name]
    neuron, readout = LIF(tau_ms=tau, surrogate_alpha=2.0), Readout(tau_ms=tau)
    network = replace(config.network, delays="none", hidden=_wide(config), neuron=neuron, readout=readout)
    # the voltage of a readout with memory grows: sums of its softmax saturate, its mean does not
    training = replace(config.training, decision="mean_membrane")
    return replace(config, network=network, training=training)


def _fixed_delays(config: Config) -> Config:
    return replace(config, network=replace(config.network, delays="fixed", hidden=_wide(config)))


def _constant_sigma(config: Config) -> Config:
    return replace(config, network=replace(config.network, sigma_start=delay_windows.narrowest(config.network.window)))


def _sparse(config: Config) -> Config:
    return replace(config, network=replace(config.network, sparsity=0.8))


# the values of docs/results.md with the best validation accuracy; ssc, which was not tried, has that of shd
_NO_DELAY_TAU_MS = {"digits": 100.0, "motifs": 100.0, "shd": 400.0, "ssc": 400.0}

ABLATIONS: dict[str, tuple[Callable[[Config], Config], str]] = {
    "no-delays": (_no_delays, "plain connections, long membrane time constant, wider layers"),
    "fixed-delays": (_fixed_delays, "random integer delays that are not trained, wider layers"),
    "constant-sigma": (_constant_sigma, "delay windows narrow from the start"),
    "sparse": (_sparse, "four of five connections left out at random"),
}

# recurrent delays as DelRec has them: one for each neuron of the last hidden layer
_RECURRENT = [
    replace(
        base,
        name=f"{base.name}-recurrent",
        network=replace(base.network, recurrent=DelayedRecurrence(layers=(len(base.network.hidden),))),
    )
    for base in (_DIGITS, _MOTIFS, _SHD)
]
# delayed connections that skip a layer, from the input to the second layer and from the first one to the readout
_DIGITS_SKIP = replace(
    _DIGITS,
    name="digits-skip",
    network=replace(_DIGITS.network, skip=(DelayedSkip(source=0, target=2), DelayedSkip(source=1, target=3))),
)
# SE-adLIF adds (1 - rho) 120 (a v + b s) to its adaptation in a step of 4 ms; a step of 10 ms is 2.5 times as long
_DIGITS_ADLIF = replace(_DIGITS, name="digits-adlif", network=replace(_DIGITS.network, neuron=AdLIF(scale=48.0)))


_KINDS_OF_DELAYS = [
    replace(base, name=f"{base.name}-{kind}", network=replace(base.network, delay_kind=kind))
    for base in (_SHD, _SSC)
    for kind in ("axonal", "dendritic")
]


def _all() -> dict[str, Config]:
    presets = {}
    for base in (_DIGITS, _MOTIFS, _SHD, _SSC):
        presets[base.name] = base
        for ablation, (change, _) in ABLATIONS.items():
            name = f"{base.name}-{ablation}"
            presets[name] = replace(change(base), name=name)
    for other in (
        *_RECURRENT,
        *_KINDS_OF_DELAYS,
        *RECIPES,
        *MODELS,
        _DIGITS_ADLIF,
        _DIGITS_SKIP,
        _MOTIFS_XYLO,
        _IMAGES,
        _PATTERNS,
        _PATTERNS_DELAYS,
        _PATTERNS_FIXED_DELAYS,
        _EVENTS,
        _FRAMES,
        _PICTURES,
        _AUDIO,
        _SEGMENTS,
        _SEGMENTS_HEADS,
        _WAVES,
        _WAVES_MEAN,
        CHAOTIC,
        _MOTION,
        _MOTION_FULL,
    ):
        presets[other.name] = other
    return presets


PRESETS = _all()


def named(name: str) -> Config:
    """Return a preset by its name; that of a data set of tonic is tonic:NAME.

    Args:
        name: Name of a preset, such as "digits" or "shd-no-delays"; the ValueError for an unknown one lists all names.
    """
    if name.startswith(registry.TONIC) and registry.known_name(name):
        return _tonic(name)
    return lookup(PRESETS, name, "preset")
