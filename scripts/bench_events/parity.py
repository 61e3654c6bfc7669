"""Spikes of the engines compared with those of the network in torch: equal in float64; where they differ in float32.

python scripts/bench_events/parity.py RUN [--recordings 500]

    float64    the network in torch, in double precision, against both engines: cells (neuron, step) that differ
    float32    the network as it is trained and evaluated: predictions, cells that differ, and at the first of them in
               each recording how near the exact membrane is to its threshold. A difference by rounding is within
               float32's rounding of the sum; whatever follows it in that recording is its consequence
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_common import write

from snnsim.experiment import evaluate_run, programs
from snnsim.learning import decisions
from snnsim.simulation import ENGINES, Probe, Result, Simulator


@torch.no_grad()
def in_torch(
    loaded: evaluate_run.Loaded, indices: np.ndarray, dtype: torch.dtype
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the spikes of the hidden layers (time, recording, neuron) and the predictions.

    Args:
        loaded: Trained network with its test split.
        indices: Indices of the recordings in the split.
        dtype: Precision of the network.
    """
    frames, lengths = (torch.from_numpy(part) for part in loaded.part.binned.dense(indices))
    network = loaded.network.to(dtype)
    record = network.record(frames.to(dtype), lengths.long())
    scores = decisions.get_decision(loaded.config.training.decision)(record.output, network.valid(lengths.long()))
    return [layer.numpy() > 0 for layer in record.spikes[1:]], scores.argmax(1).numpy()


def raster(result: Result, name: str, recording: int) -> np.ndarray:
    """Return the spikes (time, neuron) of a population.

    Args:
        result: Result with spikes.
        name: Name of the population.
        recording: Index of the recording.
    """
    dense = np.zeros((int(result.length[recording]), result.program.population(name).size), bool)
    dense[result.spikes(name, recording)] = True
    return dense


def first_margin(result: Result, names: list[str], differ: list[np.ndarray], recording: int) -> float:
    """Return |u − θ| / θ in float64 at the first cell that differs: the earliest, and in it the lowest layer.

    Args:
        result: Result in float64 with the membranes of all hidden layers.
        names: Names of the hidden layers, from the first to the last.
        differ: Whether each cell differs, bool (time, neuron) of each layer; at least one does.
        recording: Index of the recording.
    """
    earliest = min(int(np.flatnonzero(layer.any(1))[0]) for layer in differ if layer.any())
    layer = next(index for index, each in enumerate(differ) if each[earliest].any())
    threshold = result.program.population(names[layer]).threshold
    membrane = result.membrane(names[layer], recording)[earliest]
    neurons = np.flatnonzero(differ[layer][earliest])
    return float((np.abs(membrane - threshold) / threshold)[neurons].min())


def compared(run: Path, recordings: int, batch: int = 50) -> dict[str, Any]:
    """Return the counts over the first recordings of a run's test split.

    Args:
        run: Folder of a finished run.
        recordings: Number of recordings, from the first.
        batch: Recordings that are computed together.
    """
    program, loaded = programs.freeze(run), evaluate_run.load(run, "test")
    recorded = programs.recordings(program, None, "test")
    names = [part.name for part in program.populations if part.fires]
    count = min(recordings, len(recorded))
    record = Probe(spikes=True, membranes={part.name: None for part in program.populations})
    totals = dict.fromkeys(
        ("cells", "spikes", *ENGINES, "float32 cells", "float32 predictions", "float64 predictions"), 0
    )
    margins: list[float] = []
    for start in range(0, count, batch):
        chosen = np.arange(start, min(start + batch, count))
        results = {
            name: Simulator(program, engine=name).run(recorded.events.select(chosen), record) for name in ENGINES
        }
        exact, single = (in_torch(loaded, loaded.part.indices[chosen], kind) for kind in (torch.float64, torch.float32))
        decided = results["clock_driven"].predictions()
        totals["float64 predictions"] += int((decided != exact[1]).sum())
        totals["float32 predictions"] += int((decided != single[1]).sum())
        for index in range(len(chosen)):
            rasters = {engine: [raster(result, name, index) for name in names] for engine, result in results.items()}
            steps = len(rasters["clock_driven"][0])
            totals["cells"] += sum(each.size for each in rasters["clock_driven"])
            totals["spikes"] += sum(int(each.sum()) for each in rasters["clock_driven"])
            for engine, layers in rasters.items():
                pairs = zip(layers, exact[0], strict=True)
                totals[engine] += sum(int((mine != torchs[:steps, index]).sum()) for mine, torchs in pairs)
            differ = [
                mine != other[:steps, index] for mine, other in zip(rasters["clock_driven"], single[0], strict=True)
            ]
            if any(layer.any() for layer in differ):
                totals["float32 cells"] += sum(int(layer.sum()) for layer in differ)
                margins.append(first_margin(results["clock_driven"], names, differ, index))
    return {"run": str(run), "recordings": count, "differ": totals, "first_margins": sorted(margins)}


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--recordings", type=int, default=500)
    parser.add_argument("--json", type=Path, default=Path("figures/parity-events.json"))
    options = parser.parse_args()
    results = [compared(run, options.recordings) for run in options.runs]
    for result in results:
        print(result["run"], result["recordings"], "recordings;", result["differ"])
        print(
            f"  {len(result['first_margins'])} recordings differ in float32; "
            f"first margins {result['first_margins'][-5:]}"
        )
    write(options.json, {"results": results})


if __name__ == "__main__":
    main()
