"""The page of a report: facts, tables and figures in one file of HTML, with styles, scripts and plotly inside.

A policy in the page forbids every connection, so that a report shows the same without a network. Names from files are
escaped by the template and in the labels of figures.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from plotly import offline

import snnsim
from snnsim.files import written_whole
from snnsim.program.summary import facts
from snnsim.report import figures, subject, tables
from snnsim.report.subject import Source, Subject
from snnsim.simulation import CHIPS

_FOLDER = Path(__file__).parent
_WRONG_ROWS = 200
"""The most rows of wrong recordings; the page says how many there are."""


@dataclass(frozen=True)
class Settings:
    """Contents of a report."""

    source: Source = field(default_factory=Source)
    """The recordings to simulate."""
    parity: tuple[Path, ...] = ()
    """Files with the output of `snnsim verify --json`."""
    title: str | None = None
    command: tuple[str, ...] = field(default=())
    """Words of the command that writes the report."""


def write(paths: Sequence[Path], output: Path, settings: Settings = Settings()) -> list[Subject]:
    """Write the report of runs and Programs, and return its subjects.

    Args:
        paths: Folders of runs, and files of Programs.
        output: The file of HTML.
        settings: Contents of the report.

    Raises:
        ValueError: If there is no run and no Program.
    """
    if not paths:
        raise ValueError("report: there must be the folder of a run or the file of a program; name one or several")
    subjects = [subject.load(Path(path), settings.source) for path in paths]
    text = render(subjects, settings)
    with written_whole(Path(output)) as partial:
        partial.write_text(text, encoding="utf-8")
    return subjects


def render(subjects: Sequence[Subject], settings: Settings) -> str:
    """Return the page.

    Args:
        subjects: Runs and Programs.
        settings: Contents of the report.
    """
    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    histories = [(each.name, each.history) for each in subjects if each.history]
    curves = [
        figures.curves(histories, metric, title)
        for metric, title in (("loss", "loss"), ("accuracy", "accuracy"), ("mse", "mean squared error"), ("r2", "R²"))
    ]
    return environment.get_template("page.html.jinja").render(
        title=settings.title or "snnsim: " + ", ".join(each.name for each in subjects),
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((_FOLDER / "page.js").read_text(encoding="utf-8")),
        plotly=Markup(offline.get_plotlyjs()),
        comparison=tables.comparison(subjects, settings.source.split),
        seeds=tables.seeds(subjects),
        parity=tables.parity(settings.parity),
        curves=[_embedded(figure) for figure in curves if figure is not None],
        subjects=[_section(each, number) for number, each in enumerate(subjects)],
        split=settings.source.split,
        chips=CHIPS,
        versions={"snnsim": snnsim.__version__, "plotly": version("plotly"), "numpy": np.__version__},
        command=shlex.join(settings.command),
    )


def _section(each: Subject, number: int) -> dict[str, Any]:
    """Return what the template shows of a subject."""
    program, measured = each.program, each.measurement
    return {
        "anchor": f"subject-{number}",
        "subject": each,
        "lead": _lead(each),
        "facts": {} if program is None else facts(program),
        "activity": None if (figure := figures.activity(each.name, each.history)) is None else _embedded(figure),
        "delays": _delays(each),
        "rasters": [] if measured is None else [_raster(each, recording) for recording in measured.rasters],
        "confusion": _confusion(each),
        "wrong": _wrong(each),
        "wrong_rows": _WRONG_ROWS,
        "budgets": tables.budgets(each),
        "quantization": tables.quantization(program),
        "commands": _commands(each),
    }


def _lead(each: Subject) -> str:
    """Return a sentence: what was trained on what."""
    config, program = each.config, each.program
    if config is None:
        return "A program without the config of its training."
    if program is None:
        return f"Preset {config.name} on {config.data.name}."
    sizes = [program.channels, *(population.size for population in program.populations)]
    longest = program.longest_delay()
    step, training = program.time_step_ms, config.training
    epochs = f"{len(each.history)} of {training.epochs}" if each.history else f"at most {training.epochs}"
    delays = f"with delays of up to {longest} steps ({longest * step:g} ms)" if longest else "without delays"
    return (
        f"{' - '.join(map(str, sizes))} neurons {delays}, steps of {step:g} ms, trained on {config.data.name} by "
        f"{training.rule} for {epochs} epochs, seed {training.seed}."
    )


def _names(each: Subject) -> tuple[str, ...]:
    return () if each.program is None else each.program.classes


def _delays(each: Subject) -> list[dict[str, Any]]:
    program = each.program
    if program is None:
        return []
    step = program.time_step_ms
    if each.delays:
        return [_embedded(figures.delays(layer, step)) for layer in each.delays]
    return [
        _embedded(figures.edge_delays(f"{edge.source} → {edge.target}", edge.delay.astype(np.int64), step))
        for edge in program.edges
        if edge.longest() > 0
    ]


def _raster(each: Subject, recording: Any) -> dict[str, Any]:
    names = _names(each)
    step = each.program.time_step_ms if each.program is not None else 1.0

    def name(number: int) -> str:
        return names[number] if 0 <= number < len(names) else str(number)

    title = f"recording {recording.index}"
    if recording.label >= 0:
        verb = "right" if recording.label == recording.predicted else f"taken for {name(recording.predicted)}"
        title += f": {name(recording.label)}, {verb}"
    spikes = {population: counts.sum(0).tolist() for population, counts in recording.counts.items()}
    return {
        "title": title,
        "figure": _embedded(figures.raster(recording, step, names)),
        "step": step,
        "duration": recording.output.shape[0] * step,
        "spikes": _json(spikes),
    }


def _confusion(each: Subject) -> dict[str, Any] | None:
    counts = {} if each.measurement is None else each.measurement.facts
    if "confusion" not in counts:
        return None
    return _embedded(figures.confusion(np.array(counts["confusion"]), _names(each)))


def _wrong(each: Subject) -> tables.Table:
    """Return the recordings with a wrong class, the closest decisions first."""
    measured, names = each.measurement, _names(each)
    if measured is None or not len(measured.wrong):
        return tables.Table((), [])
    rows = []
    for number in measured.wrong:
        scores, label = measured.scores[number], int(measured.label[number])
        predicted = int(scores.argmax())
        margin = float(scores[predicted] - scores[label])
        right, wrong = (names[value] if value < len(names) else str(value) for value in (label, predicted))
        rows.append([
            tables.Cell(str(number), int(number)), tables.Cell(right, right), tables.Cell(wrong, wrong),
            tables.Cell(f"{margin:.4g}", margin),
        ])  # fmt: skip
    rows.sort(key=lambda row: float(row[3].value), reverse=True)
    return tables.Table(("recording", "class", "decision", "score apart"), rows)


def _commands(each: Subject) -> list[str]:
    """Return the commands that repeat the results."""
    path, commands = shlex.quote(str(each.path)), []
    words = each.environment.get("command")
    if isinstance(words, list) and words:
        program = ["snnsim"] if Path(str(words[0])).stem in ("snnsim", "__main__") else ["python", str(words[0])]
        commands.append(shlex.join([*program, *map(str, words[1:])]))
    if each.is_run:
        frozen = shlex.quote(f"{each.name}.snn")
        commands += [f"snnsim evaluate {path} --split valid", f"snnsim freeze {path} -o {frozen}"]
    else:
        commands += [f"snnsim info {path}"]
    if each.measurement is not None and not each.is_run:
        commands.append(f"snnsim simulate {path} --split {each.measurement.split}")
    return commands


def _embedded(figure: go.Figure) -> dict[str, Any]:
    """Return a figure for the template: JSON that cannot end the script in which it stands."""
    content = json.loads(figure.to_json())
    # the page has colors of its own
    content["layout"].pop("template", None)
    return {"title": figure.layout.meta["title"], "height": figure.layout.height, "json": _json(content)}


def _json(content: Any) -> Markup:
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
