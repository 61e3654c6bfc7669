import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba
from PIL import Image

from snnsim import plots
from snnsim.plots.style import BLUE, VERMILION

STEPS = 12


def spikes(neurons=5, seed=0, share=0.3, steps=STEPS):
    return np.random.default_rng(seed).random((steps, neurons)) < share


def two_layers():
    return [("input", spikes(7)), ("hidden 1", spikes(4, seed=1))]


def softmax(classes=3, steps=STEPS, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), steps)


def some_arrivals(**changes):
    values = {
        "source": np.array([0, 3, 5]),
        "fired": np.array([1, 3, 8]),
        "delay": np.array([4, 2, 3]),
        "weight": np.array([0.5, -1.0, 0.25]),
        "voltage": np.linspace(0, 1.1, STEPS),
        "threshold": 1.0,
        "spikes": np.array([6]),
        "name": "hidden 1, neuron 2",
    }
    return plots.Arrivals(**values | changes)


def dots(axes):
    (collection,) = [artist for artist in axes.collections if isinstance(artist, PathCollection)]
    return np.asarray(collection.get_offsets())


def words(axes):
    return [text.get_text() for text in axes.texts]


def history():
    return [{"epoch": epoch, "train_loss": 1 / epoch, "valid_accuracy": 0.5} for epoch in (1, 2)]


def delay_figure():
    steps = np.arange(4)
    return plots.delays([plots.LayerDelays("hidden 1", steps, steps, steps, 3)], time_step_ms=1.0)


# rasters


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([0.0, 0.4, 1.0]))
def test_raster_has_a_dot_at_time_and_neuron_of_each_spike(steps, neurons, share):
    fired = spikes(neurons, share=share, steps=steps)
    (axes,) = plots.raster([("input", fired)], time_step_ms=2.5).axes
    step, neuron = np.nonzero(fired)
    np.testing.assert_array_equal(dots(axes), np.stack([step * 2.5, neuron], axis=1))


def test_each_layer_has_a_panel_with_name_size_and_rate():
    figure = plots.raster(two_layers(), time_step_ms=10.0, title="one recording")
    assert [axes.get_ylabel() for axes in figure.axes] == ["input", "hidden 1"]
    assert [axes.get_yticks()[-1] for axes in figure.axes] == [7, 4]
    rate = two_layers()[1][1].mean()
    assert words(figure.axes[1]) == [f"{rate:.3f} spikes\nper neuron\nand step"]
    assert figure.get_suptitle() == "one recording"
    assert figure.axes[-1].get_xlabel() == "time (ms)"


def test_the_true_and_the_decided_class_are_colored():
    probability = np.tile([0.1, 0.3, 0.6], (STEPS, 1))
    readout = plots.Readout(probability, classes=["one", "two", "three"], label=0)
    axes = plots.raster(two_layers(), time_step_ms=10.0, readout=readout).axes[-1]
    colored = {line.get_color(): line.get_ydata()[0] for line in axes.lines}
    assert colored[VERMILION] == 0.6
    assert colored[BLUE] == 0.1
    assert words(axes) == ["“three”\ndecided", "“one”\ntrue"]


def test_a_right_decision_has_one_label():
    readout = plots.Readout(np.tile([0.3, 0.7], (STEPS, 1)), label=1)
    axes = plots.raster(two_layers(), time_step_ms=10.0, readout=readout).axes[-1]
    assert words(axes) == ["“1”\ntrue and decided"]


def test_a_stated_decision_replaces_the_largest_sum():
    assert plots.Readout(softmax(), decided=2).decision() == 2
    assert plots.Readout(np.array([[0.9, 0.1], [0.4, 0.6]])).decision() == 0


@pytest.mark.parametrize("ends", [(0.0, 0.0), (0.02, 0.1), (0.5, 0.5), (0.95, 0.05), (1.0, 0.0)])
def test_labels_of_two_classes_do_not_overlap(ends):
    rest = max(0.0, 1 - sum(ends))
    readout = plots.Readout(np.tile([*ends, rest], (STEPS, 1)), label=0, decided=1)
    axes = plots.raster(two_layers(), time_step_ms=10.0, readout=readout).axes[-1]
    heights = [text.get_position()[1] for text in axes.texts]
    assert abs(heights[0] - heights[1]) > 0.35
    assert 0.1 < min(heights) < max(heights) < 0.9


# arrivals


def test_lines_go_from_firing_to_arrival_in_the_row_of_the_source():
    figure = plots.raster(two_layers(), time_step_ms=10.0, arrivals=some_arrivals())
    (lines,) = [part for part in figure.axes[2].collections if isinstance(part, LineCollection)]
    drawn = {tuple(map(tuple, segment)) for segment in lines.get_segments()}
    assert drawn == {((10, 0), (50, 0)), ((30, 3), (50, 3)), ((80, 5), (110, 5))}


def test_arrivals_before_a_spike_are_opaque_and_colored_by_sign():
    figure = plots.raster(two_layers(), time_step_ms=10.0, arrivals=some_arrivals())
    (lines,) = [part for part in figure.axes[2].collections if isinstance(part, LineCollection)]
    looks = {segment[0][1]: color for segment, color in zip(lines.get_segments(), lines.get_colors(), strict=True)}
    # sources 0 and 3 arrive at step 5, just before the spike at 6; source 5 arrives at 11
    assert [looks[source][3] for source in (0, 3, 5)] == [1, 1, pytest.approx(0.13)]
    np.testing.assert_allclose(looks[3], to_rgba(BLUE), atol=0.01)
    assert looks[0][0] > looks[0][2]


def test_the_voltage_its_threshold_and_the_spikes_are_drawn():
    arrivals = some_arrivals()
    axes = plots.raster(two_layers(), time_step_ms=10.0, arrivals=arrivals).axes[3]
    voltage, threshold, spike = axes.lines
    np.testing.assert_array_equal(voltage.get_ydata(), arrivals.voltage)
    np.testing.assert_array_equal(voltage.get_xdata(), 10.0 * np.arange(STEPS))
    assert set(threshold.get_ydata()) == {1.0}
    assert set(spike.get_xdata()) == {60.0}
    assert dots(axes)[:, 0].tolist() == [60.0]


def test_a_neuron_without_input_can_be_drawn(tmp_path):
    nothing = dict.fromkeys(("source", "fired", "delay", "spikes"), np.zeros(0, int))
    arrivals = some_arrivals(**nothing, weight=np.zeros(0))
    figure = plots.raster(two_layers(), time_step_ms=10.0, arrivals=arrivals)
    plots.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    inputs, voltage = (axes for axes in figure.axes if axes.get_ylabel() in ("source", "voltage"))
    assert sum(len(lines.get_segments()) for lines in inputs.collections if hasattr(lines, "get_segments")) == 0
    np.testing.assert_array_equal(voltage.lines[0].get_ydata(), arrivals.voltage)


# files


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
def test_the_same_data_gives_the_same_bytes(tmp_path, suffix, start):
    for name in ("first", "second"):
        readout = plots.Readout(softmax(), label=0)
        figure = plots.raster(two_layers(), time_step_ms=10.0, readout=readout, arrivals=some_arrivals())
        plots.save(figure, tmp_path / f"{name}{suffix}")
    first, second = (tmp_path / f"{name}{suffix}" for name in ("first", "second"))
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()
    assert b"CreationDate" not in first.read_bytes()
    assert b"dc:date" not in first.read_bytes()


def test_text_is_text_in_vector_files(tmp_path):
    plots.save(plots.curves(history()), tmp_path / "a.svg")
    assert ">best: 50.0% in epoch 1</text>" in (tmp_path / "a.svg").read_text()
    plots.save(plots.curves(history()), tmp_path / "a.pdf")
    assert b"/CIDFontType2" in (tmp_path / "a.pdf").read_bytes()


def test_an_unknown_suffix_is_refused_without_a_file(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.png, \.svg; 'a\.bmp' does not"):
        plots.save(plots.curves(history()), tmp_path / "a.bmp")
    assert not list(tmp_path.iterdir())


def test_settings_of_the_user_have_no_effect_and_stay(tmp_path):
    plots.save(plots.curves(history()), tmp_path / "plain.png")
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "black", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        plots.save(plots.curves(history()), tmp_path / "loud.png")
        plots.raster(two_layers(), time_step_ms=1.0)
        delay_figure()
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "loud.png").read_bytes()


def test_importing_the_plots_does_not_import_pyplot():
    code = "import sys, snnsim.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# films


def test_a_frame_shows_the_spikes_until_its_time(tmp_path, monkeypatch):
    fired, frames, grab = spikes(steps=3), [], PillowWriter.grab_frame

    def watch(writer):
        (axes,) = writer.fig.axes
        frames.append(([line.get_xdata()[0] for line in axes.lines], dots(axes).tolist()))
        grab(writer)

    monkeypatch.setattr(PillowWriter, "grab_frame", watch)
    plots.animate([("input", fired)], tmp_path / "a.gif", time_step_ms=10.0)
    until = [(np.argwhere(fired[: now + 1]) * [10.0, 1]).tolist() for now in range(3)]
    assert frames == [([10.0 * now], until[now]) for now in range(3)]
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 3


def test_a_long_animation_skips_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("snnsim.plots.animation.MOST_FRAMES", 3)
    plots.animate([("input", spikes(2, steps=9))], tmp_path / "a.gif", time_step_ms=10.0)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 4


def test_an_animation_needs_a_known_suffix_and_its_writer(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"animate: a file name must end in \.gif, \.mp4"):
        plots.animate(two_layers(), tmp_path / "a.png", time_step_ms=10.0)
    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(ValueError, match=r"needs ffmpeg.*write a \.gif instead"):
        plots.animate(two_layers(), tmp_path / "a.mp4", time_step_ms=10.0)


def test_labels_of_many_classes_have_different_colors_and_the_names_of_those_that_occur():
    classes = [f"class {number}" for number in range(12)]
    label, predicted = np.full(STEPS, 1), np.full(STEPS, 6)
    label[:4] = -1
    panel = plots.StepLabels(label, predicted, classes)
    axes = plots.raster(two_layers(), time_step_ms=1.0, readout=panel).axes[-1]
    (image,) = axes.images
    colors = image.to_rgba(image.get_array())
    names = {text.get_text(): text.get_color() for text in axes.texts if text.get_text().startswith("class")}
    assert list(names) == ["class 1", "class 6"]
    np.testing.assert_allclose(colors[:, -1], list(names.values()), atol=1 / 255)
    assert np.abs(colors[0, -1] - colors[1, -1]).max() > 0.5
    many = plots.StepLabels(np.arange(12), np.arange(12), classes)
    assert many.height > 2 * panel.height


# what cannot be drawn


def draw(layers=None, time_step_ms=10.0, **parts):
    return plots.raster(two_layers() if layers is None else layers, time_step_ms=time_step_ms, **parts)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: draw([]), "raster: at least one layer"),
        (lambda: draw(time_step_ms=0), "time_step_ms must be positive; it is 0"),
        (
            lambda: draw([("input", np.zeros((4, 1, 3)))]),
            r"'input' must be \(time, neuron\).*of the batch",
        ),
        (lambda: draw([("a", spikes()), ("b", spikes(steps=9))]), "same number of steps.*'a': 12, 'b': 9"),
        (lambda: draw(readout=plots.Readout(softmax(steps=5))), "12 steps, but readout has 5"),
        (lambda: draw(arrivals=some_arrivals(voltage=np.zeros(10))), "12 steps, but arrivals has 10"),
        (lambda: plots.animate([], "a.gif", time_step_ms=1.0), "animate: at least one layer"),
        (lambda: plots.Readout(np.zeros(3)), r"must be \(time, class\); its shape is \(3,\)"),
        (lambda: plots.Readout(softmax() * 9), "was the softmax taken"),
        (lambda: plots.Readout(softmax() * np.nan), "must lie in 0..1; they go from nan"),
        (lambda: plots.Readout(softmax(), classes=["a"]), "3 classes have a probability, 1 a name"),
        (lambda: plots.Readout(softmax(), label=3), "label must be one of the 3 classes"),
        (lambda: plots.Readout(softmax(), decided=-1), "decided must be one of the 3 classes"),
        (lambda: some_arrivals(weight=np.zeros(2)), "one value per event"),
        (lambda: some_arrivals(voltage=np.zeros((3, 2))), r"voltage must be \(time,\)"),
        (lambda: some_arrivals(fired=np.array([0, 1, 12])), "fired must lie in the 12 steps.*from 0 to 12"),
        (lambda: some_arrivals(spikes=np.array([-1])), "spikes must lie in the 12 steps"),
        (lambda: some_arrivals(delay=np.array([0, -2, 1])), "delay must be at least 0; one is -2"),
    ],
)
def test_wrong_arrays_are_refused(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()
