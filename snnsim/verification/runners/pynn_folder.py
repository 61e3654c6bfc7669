"""The very script of a folder for PyNN, which runs each recording."""

import importlib.util


def runner(backend):
    """Return what `exchange.main` calls: each recording through the folder's run.py, on a backend of PyNN."""

    def run(path, recordings):
        spec = importlib.util.spec_from_file_location("folder_run", path / "run.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        given = script.load(path)
        spikes, membranes = {}, {}
        each = ((recordings.single(number), int(steps)) for number, steps in enumerate(recordings.steps))
        for found, membrane in script.simulate(backend, given, each, path):
            for name, train in found.items():
                spikes.setdefault(name, []).append(train)
            if membrane is not None:
                # in units of the program's membranes
                membranes.setdefault(given[0]["readout"], []).append(membrane * given[0]["unit"])
        return spikes, membranes

    return run
