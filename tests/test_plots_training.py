import numpy as np
import pytest
from matplotlib.patches import StepPatch

from snnsim import plots
from snnsim.plots import few_steps
from snnsim.plots.gains import Gain, gains
from snnsim.plots.style import VERMILION
from snnsim.plots.timescales import time_constants


def layer_delays(synapses=200, max_delay=6, **changes):
    rng = np.random.default_rng(0)
    values = {
        "before": rng.uniform(0, max_delay, synapses),
        "after": rng.uniform(0, max_delay, synapses),
        "weight": rng.normal(size=synapses),
    }
    return plots.LayerDelays("hidden 1", max_delay=max_delay, **values | changes)


def history(epochs=4, without=()):
    best = [0.2, 0.8, 0.6, 0.8]
    rows = [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 0.9,
            "valid_loss": 2 / epoch,
            "valid_accuracy": best[epoch - 1],
            "lr": 0.001,
            "lr_delay": 0.1 / epoch,
            "sigma": 5.0 - epoch,
            "seconds": 3.0,
            "activity": [0.1, 0.2 / epoch],
        }
        for epoch in range(1, epochs + 1)
    ]
    return [{key: value for key, value in row.items() if key not in without} for row in rows]


def steps_of(axes):
    return [part.get_data() for part in axes.patches if isinstance(part, StepPatch)]


def words(axes):
    return [text.get_text() for text in axes.texts]


# delays


def test_histograms_have_a_bin_per_step():
    layer = layer_delays()
    figure = plots.delays([layer, layer], time_step_ms=10.0)
    after, before = steps_of(figure.axes[0])
    for drawn, part in ((after, layer.after), (before, layer.before)):
        assert len(drawn.values) == layer.max_delay + 1
        np.testing.assert_array_equal(drawn.values, [np.sum(np.rint(part) == step) for step in range(7)])
        np.testing.assert_allclose(drawn.edges, np.arange(-5, 70, 10))
    for axes in (figure.axes[1], figure.axes[4]):
        (change,) = steps_of(axes)
        assert change.values.sum() == layer.after.size
    weights = figure.axes[2].collections[0].get_array()
    assert weights.sum() == layer.after.size
    np.testing.assert_array_equal(weights.sum(axis=0), after.values)


def test_the_shares_at_both_ends_and_of_changed_steps_are_noted():
    before, after = np.array([0, 0, 1, 3]), np.array([0, 3, 1.4, 3])
    layer = layer_delays(max_delay=3, before=before, after=after, weight=np.ones(4))
    figure = plots.delays([layer], time_step_ms=2.0)
    assert words(figure.axes[0]) == ["at 0 ms\n50.0% → 25.0%", "at 6 ms\n25.0% → 50.0%"]
    assert figure.axes[1].get_title(loc="left") == "25% changed step"


def test_integer_changes_are_in_the_middle_of_a_bin():
    before, after = np.array([5, 30, 0], np.uint8), np.array([2, 0, 30], np.uint8)
    layer = layer_delays(max_delay=30, before=before, after=after, weight=np.ones(3))
    (change,) = steps_of(plots.delays([layer], time_step_ms=1.0).axes[1])
    middles = (change.edges[1:] + change.edges[:-1]) / 2
    np.testing.assert_allclose(middles[change.values > 0], [-30, -3, 30])


def test_the_line_is_the_mean_weight_of_each_used_delay():
    layer = layer_delays(max_delay=3, before=np.zeros(3), after=np.array([1, 1, 3]), weight=np.array([-1, 2, 4]))
    (line,) = plots.delays([layer], time_step_ms=1.0).axes[2].lines
    assert line.get_xydata().tolist() == [[1, 1.5], [3, 4]]


def test_weights_and_changes_of_zero_can_be_drawn(tmp_path):
    still = layer_delays(before=np.ones(3), after=np.ones(3), weight=np.zeros(3))
    figure = plots.delays([still], time_step_ms=1.0)
    mesh = figure.axes[2].collections[0]
    assert mesh.get_array().sum() == 3
    assert mesh.get_coordinates()[..., 1].max() > 0
    plots.save(figure, tmp_path / "a.png")


# curves


def test_the_best_validation_epoch_is_the_first_best_and_marked():
    axes = plots.curves(history()).axes[1]
    (mark,) = [line for line in axes.lines if line.get_color() == VERMILION]
    assert mark.get_xydata().tolist() == [[2, 80]]
    assert mark.get_label() == "best: 80.0% in epoch 2"


def test_curves_are_the_logged_metrics():
    loss, _, schedules, activity, sigma = plots.curves(history()).axes
    np.testing.assert_allclose(loss.lines[1].get_xydata(), [[1, 2], [2, 1], [3, 2 / 3], [4, 0.5]])
    np.testing.assert_allclose(schedules.lines[1].get_ydata(), 0.1 / np.arange(1, 5))
    assert schedules.get_yscale() == "log"
    np.testing.assert_allclose(sigma.lines[0].get_ydata(), [4, 3, 2, 1])
    np.testing.assert_allclose(activity.lines[1].get_ydata(), 0.2 / np.arange(1, 5))


@pytest.mark.parametrize(
    ("without", "labels"),
    [
        (["sigma", "lr_delay"], ["loss", "accuracy (%)", "learning rate", "spikes per neuron and step"]),
        (["activity", "lr", "lr_delay", "sigma"], ["loss", "accuracy (%)"]),
        (
            ["valid_loss", "valid_accuracy", "activity", "lr", "lr_delay"],
            ["loss", "accuracy (%)", "", "σ (steps)"],
        ),
    ],
)
def test_panels_of_missing_metrics_are_left_out(without, labels, tmp_path):
    figure = plots.curves(history(without=without))
    assert [axes.get_ylabel() for axes in figure.axes] == labels
    plots.save(figure, tmp_path / "a.png")


def test_one_epoch_none_and_a_learning_rate_of_zero_can_be_drawn(tmp_path):
    rows = [history(1)[0] | {"valid_loss": None, "lr_delay": 0.0, "valid_accuracy": float("nan")}]
    loss, _, schedules, *_ = plots.curves(rows).axes
    assert [len(axes.lines) for axes in (loss, schedules)] == [1, 1]
    assert loss.lines[0].get_marker() == "o"
    plots.save(plots.curves(rows), tmp_path / "a.png")


# what cannot be drawn


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: plots.delays([], time_step_ms=1.0), "at least one layer with delays"),
        (lambda: plots.delays([layer_delays()], time_step_ms=-1.0), "delays: time_step_ms must be positive"),
        (lambda: layer_delays(weight=np.zeros(3)), "one value per synapse"),
        (
            lambda: layer_delays(after=np.full(200, 60.0)),
            r"after of 'hidden 1' must lie in 0..6.*in ms",
        ),
        (lambda: plots.curves([]), "at least one epoch"),
        (lambda: plots.curves([{"lr": 1.0}]), r"must have its epoch; one has only \['lr'\]"),
        (lambda: plots.curves([{"epoch": 1, "cost": 2}]), "must hold some of.*they hold"),
        (lambda: plots.curves([{"epoch": 1, "train_accuracy": 93.0}]), "train_accuracy must be a share.*93"),
    ],
)
def test_wrong_histories_and_delays_are_refused(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()


# figures of experiments


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].texts]


def gain(rule, decision):
    return Gain("bernoulli", "lif", rule, decision, np.array([0.5]), np.array([0.6]), (0.0, 0.2), (1.0, 1.0))


def test_gains_of_a_decision_have_one_color_in_all_panels_and_a_label():
    figure = gains([gain("stdp", "rate"), gain("tempotron", "own"), gain("tempotron", "rate")])
    assert legend_of(figure) == ["rate, fixed", "rate, learned", "own, fixed", "own, learned"]
    colors = [{line.get_label(): line.get_color() for line in axes.lines} for axes in figure.axes]
    assert colors[0]["rate, fixed"] == colors[1]["rate, fixed"] != colors[1]["own, fixed"]


@pytest.mark.parametrize("quantity", [{}, {"tau mean": 2.0}])
def test_lines_of_time_constants_have_labels_whichever_rows_and_panels_have_them(quantity):
    row = {"curriculum": "single", "learned": "weights", "measured": []}
    measured = {"level": 2, "network tau": {"rate": {"mean": 3.0}}} | quantity
    figure = time_constants([row, row | {"measured": [measured]}, row | {"measured": [measured]}])
    assert legend_of(figure) == ["single, weights"]


def test_every_network_without_spikes_is_drawn_over_steps():
    flat = [few_steps.Curve(f"ann {number}", (0,), (np.array([0.5]),), (10.0,)) for number in range(4)]
    spiking = few_steps.Curve("snn", (1, 2), (np.array([0.5]), np.array([0.6])), (1.0, 2.0))
    assert legend_of(few_steps.few_steps([*flat, spiking])) == ["ann 0", "ann 1", "ann 2", "ann 3", "snn"]


def test_a_kernel_of_zeros_has_the_color_of_zero():
    figure = plots.kernels(np.stack([np.zeros((2, 3, 3)), np.eye(3)[None] * [[[1]], [[-1]]]]), "ab", time_step_ms=1.0)
    zeros, mixed = (axes.images[0] for axes in (figure.axes[0], figure.axes[2]))
    np.testing.assert_array_equal(zeros.to_rgba(zeros.get_array())[0, 0], mixed.to_rgba(mixed.get_array())[0, 1])


@pytest.mark.parametrize("prefixes", [("train",), ("valid",), ("train", "valid")])
def test_other_metrics_are_drawn_with_and_without_a_validation(prefixes):
    rows = [{"epoch": 1, "train_loss": 1.0} | {f"{prefix}_mse": 0.5 for prefix in prefixes}]
    axes = plots.curves(rows).axes[1]
    assert axes.get_ylabel().startswith("metrics")
    assert [text.get_text() for text in axes.get_legend().texts] == ["MSE"]
    assert len(axes.lines) == len(prefixes)
