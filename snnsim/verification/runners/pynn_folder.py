"""The script of a folder for PyNN, which runs each recording."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from exchange import Membranes, Recordings, Spikes, timed


def runner(backend: str) -> Callable[[Path, Recordings], tuple[Spikes, Membranes]]:
    """Return the function for `exchange.main`: it runs each recording by the folder's run.py, on a backend of PyNN.

    Args:
        backend: Name of a module of PyNN, such as nest.
    """

    def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
        script = _module(path / "run.py")
        network = script.load(path)
        spikes: Spikes = {}
        membranes: Membranes = {}
        pairs = ((recordings.single(number), int(steps)) for number, steps in enumerate(recordings.steps))
        with timed():
            results = list(script.simulate(backend, network, pairs, path))
        for trains, membrane in results:
            for name, train in trains.items():
                spikes.setdefault(name, []).append(train)
            if membrane is not None:
                # in units of the program's membranes
                membranes.setdefault(network[0]["readout"], []).append(membrane * network[0]["unit"])
        return spikes, membranes

    return run


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("folder_run", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
