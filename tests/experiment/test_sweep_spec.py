"""Specs of sweeps: what they mean, and the errors of broken ones, before anything starts."""

import itertools
import json

import pytest

from helpers.sweeps import inline, write_spec
from snnsim import presets
from snnsim.experiment.sweeps import spec
from snnsim.experiment.sweeps.space import Choices, Interval
from snnsim.metrics import NumberErrors
from snnsim.validation import shown


def test_a_grid_is_the_product_of_its_lists(tmp_path):
    lists = {"network.hidden": [[8], [9]], "training.lr": [0.1, 0.2, 0.3], "network.delays": ["none", "fixed"]}
    read = spec.load(write_spec(tmp_path, target='"motifs"', parameters=inline(lists)))
    product = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    assert list(read.points()) == product
    assert read.trials == len(product) == 12
    configs = [read.config(point) for point in read.points()]
    assert [(one.network.hidden, one.training.lr, one.network.delays) for one in configs] == [
        (tuple(point["network.hidden"]), point["training.lr"], point["network.delays"]) for point in product
    ]


def test_names_may_be_dotted_keys_or_tables(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(
        'target = "motifs"\n[set]\ntraining.epochs = 3\n"training.lr" = 0.5\n'
        "[parameters]\nnetwork.taps = [1, 2]\n[parameters.data]\nseed = [4]\n"
    )
    read = spec.load(path)
    assert set(read.parameters) == {"network.taps", "data.seed"}
    config = read.config({"network.taps": 2, "data.seed": 4})
    assert (config.training.epochs, config.training.lr, config.network.taps, config.data.seed) == (3, 0.5, 2, 4)


def test_kinds_may_be_a_parameter_by_dotted_keys(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(
        'target = "motifs"\n[parameters]\nnetwork.neuron.kind = ["lif", "cuba_lif"]\n'
        "network.neuron.tau_ms = [20.0, 30.0]\n"
    )
    read = spec.load(path)
    neurons = [read.config(point).network.neuron for point in read.points()]
    assert [(neuron.kind, neuron.tau_ms) for neuron in neurons] == [
        ("lif", 20.0), ("lif", 30.0), ("cuba_lif", 20.0), ("cuba_lif", 30.0)
    ]  # fmt: skip


def test_variants_are_a_parameter_with_targets_and_values_of_their_own(tmp_path):
    variants = {"learned": {}, "fixed": {"target": "motifs-fixed-delays"}, "short": {"network.max_delay_ms": 30.0}}
    path = write_spec(
        tmp_path, target='"motifs"', variants=inline(variants), parameters=inline({"training.lr": [0.1, 0.2]})
    )
    read = spec.load(path)
    points = list(read.points())
    assert [(point["variant"], point["training.lr"]) for point in points] == list(
        itertools.product(variants, [0.1, 0.2])
    )
    assert read.config(points[0]).network == presets.named("motifs").network
    assert read.config(points[2]).network == presets.named("motifs-fixed-delays").network
    assert read.config(points[5]).network.max_delay_ms == 30.0
    assert spec.labeled(points[5]) == "short, training.lr=0.2"


def test_intervals_take_the_type_of_their_key(tmp_path):
    bounds = {"training.lr": {"low": 1, "high": 8, "log": True}, "network.taps": {"low": 1, "high": 5, "step": 2}}
    read = spec.load(write_spec(tmp_path, target='"motifs"', sampler='"tpe"', trials=7, parameters=inline(bounds)))
    assert read.parameters == {
        "training.lr": Interval(1, 8, None, log=True, integer=False),
        "network.taps": Interval(1, 5, 2, log=False, integer=True),
    }
    assert read.trials == 7
    assert type(read.parameters["training.lr"].decoded(2)) is float


def test_a_config_file_lies_beside_its_spec(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    presets.named("motifs").with_values({"network.hidden": (5,)}).save(tmp_path / "specs" / "mine.toml")
    path = write_spec(tmp_path / "specs", target='"mine.toml"')
    monkeypatch.chdir(tmp_path)
    assert spec.load(path).config({}).network.hidden == (5,)


def test_lists_are_stored_as_texts_and_return():
    choices = Choices(([8, 8], [], "none", 3, True, [{"kind": "blend"}]))
    assert [choices.decoded(stored) for stored in choices.encoded] == list(choices.values)
    assert all(not isinstance(stored, list) for stored in choices.encoded)


def test_errors_are_minimized_and_other_metrics_maximized(tmp_path):
    larger = ["accuracy", "r2", "speaker accuracy", "pitch r2", "loss accuracy"]
    smaller = ["loss", "mse", "smape", "pitch mse", "error smape"]
    directions = dict.fromkeys(larger, "maximize") | dict.fromkeys(smaller, "minimize")
    path = write_spec(tmp_path, target='"motifs"', objectives=json.dumps([f"valid_{name}" for name in directions]))
    read = {one.name.removeprefix("valid_"): one.direction for one in spec.load(path).objectives}
    assert read == directions


def test_metrics_of_numbers_have_their_directions(tmp_path):
    metrics = NumberErrors()
    scalars = metrics.report(metrics.zeros(1), ("pitch",)).scalars()
    path = write_spec(tmp_path, target='"motifs"', objectives=json.dumps([f"valid_{name}" for name in scalars]))
    directions = {one.name.removeprefix("valid_"): one.direction for one in spec.load(path).objectives}
    assert directions == {"mse": "minimize", "r2": "maximize", "smape": "minimize"}
    assert directions[metrics.main] == ("maximize" if metrics.rises else "minimize")


GRID = {"network.taps": [1, 2]}
BROKEN = {
    "unknown key": ({"parametres": "{}"}, "parametres is unknown; the known keys there are name, target, "),
    "no target": ({"target": "3"}, "target must be a preset, a config file, or the folder of a run, not 3"),
    "unknown target": ({"target": '"motif"'}, "'motif' is neither a preset"),
    "sampler": ({"sampler": '"grit"'}, "sampler must be one of grid, random, tpe, nsga2, not 'grit'"),
    "unknown parameter": (
        {"parameters": inline({"network.tap": [1]})},
        "config: network.tap is unknown; the known keys there are hidden",
    ),
    "section": ({"parameters": inline({"network": [1]})}, "config: network is a section; name one of its keys"),
    "seed": (
        {"parameters": inline({"training.seed": [1, 2]})},
        "training.seed can be no parameter or value of a sweep",
    ),
    "fold": ({"set": inline({"data.fold": 1})}, "data.fold can be no parameter or value of a sweep"),
    "scalar": ({"parameters": inline({"network.taps": 2})}, "parameters.network.taps must be a list of values, or a"),
    "empty list": ({"parameters": inline({"network.taps": []})}, "network.taps must have at least one value"),
    "same values": ({"parameters": inline({"network.taps": [1, 1]})}, "network.taps must have different values"),
    "wrong value": (
        {"parameters": inline({"network.taps": [1, 0]})},
        "the trial network.taps=0 cannot be: config: network.taps must be at least 1, not 0",
    ),
    "wrong pair": (
        {"parameters": inline({"data.time_step_ms": [10.0, 50.0]})},
        "the trial data.time_step_ms=50 cannot be: config: network.neuron.tau_ms must be at least data.time_step_ms",
    ),
    "interval in a grid": (
        {"parameters": inline({"network.taps": {"low": 1, "high": 3}})},
        "parameters.network.taps must be a list for the sampler grid",
    ),
    "trials of a grid": ({"trials": "3"}, "trials must be left out for the sampler grid"),
    "set and parameter": (
        {"set": inline({"network.taps": 3}), "parameters": inline(GRID)},
        "set.network.taps is a parameter, too",
    ),
    "seeds": ({"seeds": "[1, 1]"}, "seeds must be different whole numbers of at least 0"),
    "no seed": ({"seeds": "0"}, "seeds must be a whole number from 1 to 1,000, not 0"),
    "folds": ({"folds": '"voices"'}, "folds must be \"speakers\", or a number of at least 2, not 'voices'"),
    "objective": ({"objectives": '["test_accuracy"]'}, "an objective must be a metric of the validation recordings"),
    "objectives": ({"objectives": "[]"}, "objectives must be a list of names"),
    "direction": (
        {"objectives": '[{name = "valid_loss", direction = "down"}]'},
        "direction must be maximize or minimize, not 'down'",
    ),
    "pruning": ({"pruning": "{warmup = 3}"}, "pruning.warmup is unknown; the known keys there are startup_trials"),
    "pruning of two": (
        {"objectives": '["valid_accuracy", "parameters"]', "pruning": "true"},
        "pruning needs one objective that is a metric of every epoch",
    ),
    "name": ({"name": '"../x"'}, "name must have letters, digits, dots and dashes alone"),
    "variant": ({"variants": "{a = 3}"}, "variants.a must be a table of values, not 3"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_spec_is_named_with_its_file(tmp_path, case):
    values, message = BROKEN[case]
    path = write_spec(tmp_path, **({"target": '"motifs"'} | values))
    with pytest.raises(ValueError, match=r"spec\.toml: ") as raised:
        spec.load(path)
    assert message in str(raised.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"low": 3, "high": 1}, "low must be below high, not 3 and 1"),
        ({"low": 0, "high": 1, "log": True}, "log needs a positive low and no step"),
        ({"low": 1, "high": 2, "stepp": 1}, "stepp is unknown; the known keys there are low, high, step, log"),
        ({"low": 1}, "high must be a number, not None"),
        ({"low": 1, "high": 2, "step": 4}, "step must be positive and at most high - low = 1, not 4"),
        ({"low": 1, "high": 2, "log": 1}, "log must be true or false, not 1"),
        ({"low": "a", "high": 2}, "low must be a number, not 'a'"),
        ({"low": 0, "high": 2}, "cannot be: config: training.lr must be positive"),
    ],
)
def test_wrong_bounds_are_named(tmp_path, bounds, message):
    path = write_spec(
        tmp_path, target='"motifs"', sampler='"random"', trials=2, parameters=inline({"training.lr": bounds})
    )
    with pytest.raises(ValueError, match=r"training\.lr") as raised:
        spec.load(path)
    assert message in str(raised.value), shown(str(raised.value))


def test_samplers_need_trials_and_parameters(tmp_path):
    with pytest.raises(ValueError, match="trials must be a number for the sampler tpe"):
        spec.load(write_spec(tmp_path, target='"motifs"', sampler='"tpe"', parameters=inline(GRID)))
    with pytest.raises(ValueError, match="parameters must name what the sampler tpe draws"):
        spec.load(write_spec(tmp_path, target='"motifs"', sampler='"tpe"', trials=2))
    bounds = inline({"network.delays": {"low": 1, "high": 2}})
    with pytest.raises(ValueError, match="must be a list of values, as its key of the config is no number"):
        spec.load(write_spec(tmp_path, target='"motifs"', sampler='"tpe"', trials=2, parameters=bounds))
