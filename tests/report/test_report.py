import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest

from helpers.command_line import fails, run
from snnsim.experiment import programs
from snnsim.program import Program
from snnsim.report import figures, measurement, tables
from snnsim.report.page import _commands, _lead
from snnsim.report.subject import Source, load


@pytest.fixture(scope="module")
def text(report_page):
    page = (report_page / "report.html").read_text(encoding="utf-8")
    # without plotly.js
    return re.sub(r"<script>.*?</script>", "", page, flags=re.S)


def test_the_page_needs_no_network(report_page):
    page = (report_page / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page.replace("<link>", ""))
    assert "Plotly" in page


def test_the_page_says_what_was_trained_on_what(report_page, text):
    assert " - 12 - 10 - 3 neurons with delays of up to" in text
    assert "trained on shd by bptt for 2 of 2 epochs, seed 1" in text
    measured = programs.evaluate(report_page / "seed-0", "valid")
    assert text.count(measured["summary"]) >= 1
    assert "snnsim evaluate, test" in text
    headings = re.findall("<h[23]>([^<]+)", text)
    expected = (
        "Side by side",
        "Learning curves",
        "Parity with other simulators and chips",
        "Activity over a recording",
    )
    expected += (
        "Delays before and after training",
        "Confusion of valid",
        "Chips",
        "Quantization",
        "Repeat",
        "This report",
    )
    assert set(headings) >= set(expected)
    assert "Runs that differ in the seed alone" in text
    assert f"snnsim freeze {report_page / 'seed-0'} -o seed-0.snn" in text
    assert "900 of 900" in text
    assert "delays clipped" in text


def test_names_are_escaped(text):
    assert "<b>three</b>" not in text
    assert "&lt;b&gt;three&lt;/b&gt; nets" in text
    figure = figures.confusion(np.array([[1, 2], [0, 1]]), ("<a href='x'>", "b"))
    assert "<a" not in figure.to_json()


def test_wrong_recordings_are_those_of_the_simulator(report_page, text):
    program = Program.load(report_page / "net-int8.snn")
    recordings = programs.recordings(program, None, "valid")
    result = programs.Machine().simulator(program).run(recordings.events)
    label = np.array(recordings.labels[program.readout])
    wrong = np.flatnonzero(result.scores().argmax(1) != label)
    measured = measurement.measure(program, "valid", data=None, rasters=3)
    np.testing.assert_array_equal(measured.wrong, wrong)
    assert f"{len(wrong)} wrong recordings of {len(label)}" in text
    assert measured.operations == result.synaptic_operations().mean()
    # rasters hold every spike
    for raster in measured.rasters:
        for population in program.populations:
            if population.fires:
                np.testing.assert_array_equal(
                    raster.counts[population.name].sum(1), result.counts(population.name)[raster.index]
                )
        np.testing.assert_array_equal(raster.output, result.output(raster.index))
    labels = [raster.label != raster.predicted for raster in measured.rasters]
    assert len(labels) == 3
    assert not all(labels) or len(wrong) == len(label)


def test_delays_before_and_after_are_those_of_the_network(report_page):
    subject = load(report_page / "seed-0", Source(split=None))
    assert [layer.name for layer in subject.delays] == ["hidden 1", "hidden 2", "readout"]
    after = np.round(subject.delays[0].after)
    np.testing.assert_array_equal(np.bincount(after.astype(int)), np.bincount(subject.program.edges[0].delay))
    drawn = figures.delays(subject.delays[0], 10.0).data
    assert [trace.name for trace in drawn] == ["before training", "after training"]
    for trace in drawn:
        assert sum(trace.y) == pytest.approx(1)


def test_seeds_of_one_config_have_a_mean_and_an_interval(report_page):
    runs = [load(report_page / f"seed-{seed}", Source()) for seed in (0, 1)]
    (row,) = tables.seeds(runs).rows
    values = [each.measurement.facts["accuracy"] for each in runs]
    assert row[2].value == pytest.approx(np.mean(values))
    assert tables.seeds(runs[:1]).rows == []
    assert tables.seeds([*runs[:1], *runs[:1], load(report_page / "net-int8.snn", Source())]).rows == []
    compared = tables.comparison(runs, "valid")
    assert [row[4].value for row in compared.rows] == pytest.approx(values)


def test_commands_quote_names(report_page):
    subject = replace(load(report_page / "seed-0", Source(split=None)), name="a run; of two")
    assert shlex.split(_commands(subject)[-1])[-1] == "a run; of two.snn"


def test_a_program_is_not_said_to_be_trained_for_all_epochs(report_page):
    assert "for at most 2 epochs, seed 0" in _lead(load(report_page / "net.snn", Source(split=None)))


def test_missing_parts_are_notes(capsys, report_page, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(report_page / "seed-0" / "config.toml", bare)
    out = run(capsys, "report", str(bare), "-o", str(tmp_path / "r.html"), "--split", "none")
    assert "bare: no epoch of the training is done" in out
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "there is no network to simulate" in page
    out = run(
        capsys, "report", str(report_page / "net.snn"), "-o", str(tmp_path / "r.html"), "--data-path", "nowhere.h5"
    )
    assert "no recordings were simulated" in out


def test_errors(capsys, tmp_path, report_page):
    assert "there is none" in fails(capsys, "report", "nothing", "-o", str(tmp_path / "r.html"))
    assert not (tmp_path / "r.html").exists()
    (tmp_path / "parity.jsonl").write_text('{"backend": "nest"}\n')
    words = ("report", str(report_page / "net.snn"), "--split", "none", "-o", str(tmp_path / "r.html"))
    error = fails(capsys, *words, "--parity", str(tmp_path / "parity.jsonl"))
    assert "parity.jsonl, line 1 must be a result of `snnsim verify --json`" in error
