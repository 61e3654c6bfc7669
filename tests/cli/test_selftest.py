"""The command selftest: the report of checks that pass and fail."""

import json

import pytest

from helpers.command_line import run
from snnsim import cli, selftest
from snnsim.selftest import report


@pytest.fixture
def few(monkeypatch):
    def broken(folder):
        assert folder.is_dir()
        raise AssertionError("a spike differs\nand more")

    monkeypatch.setattr(
        report, "CHECKS", {"engines": lambda folder: f"{len(list(folder.iterdir()))} files", "C": broken}
    )


@pytest.mark.usefixtures("few")
def test_a_failed_check_is_named_and_the_others_run(capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["selftest", "-o", str(tmp_path / "report.json")])
    assert stopped.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok     engines: 0 files (")
    assert lines[1].startswith("FAILED C: AssertionError: a spike differs (test_selftest.py:")
    assert lines[-1] == "1 of 2 checks passed; report these lines, with `snnsim selftest --json`"
    facts = json.loads((tmp_path / "report.json").read_text())
    assert [check["passed"] for check in facts["checks"]] == [True, False]
    assert {"snnsim", "python", "packages", "processor", "threads of torch"} <= facts["environment"].keys()


def test_kernels_pass_their_checks(capsys):
    facts = json.loads(run(capsys, "selftest", "streams and threads", "neurons", "--json"))
    assert facts["passed"] is True
    assert [check["name"] for check in facts["checks"]] == ["neurons", "streams and threads"]


@pytest.mark.usefixtures("few")
def test_an_unknown_check_is_named_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        cli.main(["selftest", "engines", "motors"])
    assert capsys.readouterr().err == "snnsim: selftest has no check 'motors'; the checks are 'engines', 'C'\n"


def test_a_check_finds_a_wrong_kernel(monkeypatch):
    from snnsim.kernels.neuron import naive
    from snnsim.selftest import kernel_checks

    right = naive.lif

    def wrong(current, voltage, **options):
        spikes, membrane = right(current, voltage, **options)
        spikes[-1, 0] = 1 - spikes[-1, 0]
        return spikes, membrane

    monkeypatch.setattr(naive, "lif", wrong)
    monkeypatch.setattr(report, "CHECKS", {"neurons": kernel_checks.neurons})
    assert not selftest.run().passed
