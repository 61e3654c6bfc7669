"""What the README shows runs as it stands there, and the commands it names exist."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from snnsim import cli

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("spikingjelly")
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 4
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert capsys.readouterr().out == "torch.Size([256, 140, 1])\n(8, 20) (8,)\n"
    assert names["hidden"].synapse.delay.grad.abs().sum() > 0
    assert names["listening"].layers[0].synapse.delay.grad.abs().sum() > 0
    assert names["net"](torch.rand(5, 2, 140)).shape == (5, 2, 256)
    assert names["spikes"].shape == (8, 20)
    np.testing.assert_allclose(names["result"].output(3), names["network"](names["frames"])[:, 3].detach(), atol=1e-4)


def test_the_commands_are_there(capsys):
    shown = set(re.findall(r"^    snnsim ([a-z]+)", README, re.MULTILINE))
    programs = {"freeze", "info", "simulate", "quantize", "prune"}
    assert shown == {"train", "evaluate", "plot", "bench", "export", "import", "verify", "reproduce", "data"} | programs
    for command in shown:
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
    assert "usage: snnsim" in capsys.readouterr().out


def test_the_pictures_are_there():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    for picture in pictures:
        assert (Path(__file__).parent.parent / picture).is_file(), picture
