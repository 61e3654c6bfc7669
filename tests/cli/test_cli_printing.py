import io
import math
import os
import signal
import subprocess
import sys

import pytest

from snnsim import cli
from snnsim.cli.printing import Plain, json_text, plain
from snnsim.cli.programs import Info
from snnsim.training import signals


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hidden 1\tümlaut 零\n", "hidden 1\tümlaut 零\n"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\rb\x9b31m\x00", r"a\rb\x9b31m\x00"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\udc80", r"\udc80"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    stream = io.StringIO()
    assert Plain(stream).write(text) == len(text)
    assert stream.getvalue() == plain(text) == shown


@pytest.mark.parametrize("answer", ["print", "raise"])
def test_every_command_escapes_control_characters(capsys, monkeypatch, answer):
    def call(_):
        if answer == "raise":
            raise ValueError("population \x1b[31m must be another")
        sys.stdout.write("population \x1b[31m\n")

    monkeypatch.setattr(Info, "__call__", call)
    if answer == "raise":
        with pytest.raises(SystemExit):
            cli.main(["info", "x.snn"])
    else:
        cli.main(["info", "x.snn"])
    said = "".join(capsys.readouterr())
    assert r"population \x1b[31m" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("error", [RecursionError("maximum recursion depth exceeded"), KeyError("x"), None])
def test_an_error_after_ctrl_c_ends_with_status_130(capsys, monkeypatch, error):
    def call(_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            # as a library does that is cut off half way
            raise error or KeyboardInterrupt from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Info, "__call__", call)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["info", "x.snn"])
    assert stopped.value.code == 130
    assert "".join(capsys.readouterr()) == ""
    assert signal.getsignal(signal.SIGINT) is before


def test_the_same_error_without_ctrl_c_is_raised(capsys, monkeypatch):
    def call(_):
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr(Info, "__call__", call)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["info", "x.snn"])
    assert stopped.value.code == 2
    assert "maximum recursion depth" in capsys.readouterr().err


def test_a_second_ctrl_c_stops_a_training_at_once():
    with signals.noted() as noted:
        with signals.watched() as request:
            signal.raise_signal(signal.SIGINT)
            assert request.received
            assert not noted.received
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            assert noted.received
        # nothing is left of it, however often it came
        for _ in range(50):
            with signals.watched():
                signal.raise_signal(signal.SIGINT)
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.noted() as noted:
            signal.raise_signal(signal.SIGINT)
        assert not noted.received
    finally:
        signal.signal(signal.SIGINT, before)


def test_json_has_null_for_a_number_that_does_not_exist():
    content = {"accuracy": math.nan, "rows": [(1.5, math.inf)], "count": 3}
    assert json_text(content) == '{"accuracy": null, "rows": [[1.5, null]], "count": 3}'


@pytest.mark.parametrize("words", [["--help"], ["data", "list"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_whose_reader_has_exited_ends_a_command_without_an_error(words, unbuffered):
    command = [sys.executable, "-m", "snnsim", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, env=environment)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_broken_pipe_within_a_command_is_an_error(capsys, monkeypatch):
    def call(_):
        # as the pipe of a worker process
        raise BrokenPipeError("the worker has exited")

    monkeypatch.setattr(Info, "__call__", call)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["info", "x.snn"])
    assert stopped.value.code == 2
    assert "the worker has exited" in capsys.readouterr().err
