"""A page on two runs that differ in the seed, and on the first as a program in integers."""

import json

import pytest

from helpers.command_line import flags
from snnsim import cli

LIVELY = {"network.neuron.threshold": 0.3, "training.lr": 0.02, "training.epochs": 2}


@pytest.fixture(scope="package")
def report_page(tiny, tmp_path_factory):
    """Return the folder of a page, report.html, and of what it is about."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snnsim.experiment.plot_run.AFTER_TRAINING", ())
        for seed in (0, 1):
            words = (
                "train",
                "shd",
                "--output-dir",
                str(folder / f"seed-{seed}"),
                "--seed",
                str(seed),
                "--device",
                "cpu",
            )
            cli.main([*words, *flags(tiny | LIVELY)])
    cli.main(["freeze", str(folder / "seed-0"), "-o", str(folder / "net.snn")])
    small = str(folder / "net-int8.snn")
    cli.main(["quantize", str(folder / "net.snn"), "--delays", "2bit", "-o", small, "--split", "none"])
    parity = {"backend": "nest", "version": "3.10", "recordings": 5, "spikes_equal": 900, "spikes_total": 900}
    (folder / "parity.jsonl").write_text(json.dumps(parity | {"cells_equal": 4000, "cells_total": 4000}) + "\n")
    sources = [str(folder / name) for name in ("seed-0", "seed-1", "net-int8.snn")]
    cli.main(["evaluate", sources[0], "--split", "test"])
    parity_file = str(folder / "parity.jsonl")
    cli.main(
        ["report", *sources, "-o", str(folder / "report.html"), "--parity", parity_file, "--title", "<b>three</b> nets"]
    )
    return folder
