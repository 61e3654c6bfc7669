"""Draw the figures of the documentation from a run, each with a JSON file of the command, seed and commit it came from.

make demo && scripts/figures.py runs/digits-demo
"""

import argparse
import json
from pathlib import Path

from snnsim import experiment
from snnsim.training.run_folder import RunFolder

FIGURES = Path(__file__).parent.parent / "figures"


def main() -> None:
    """Draw the pictures of a run into figures/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the run, such as runs/digits-demo")
    parser.add_argument("--name", default="digits", help="what the files' names start with")
    options = parser.parse_args()
    folder = RunFolder(options.run)
    source = json.loads((folder.path / "environment.json").read_text(encoding="utf-8"))
    for kind in ("raster", "delays", "curves"):
        path = FIGURES / f"{options.name}-{kind}.png"
        experiment.plot(folder.path, kind, path)
        made = {"command": f"scripts/figures.py {options.run} --name {options.name}", "run": source}
        folder.write_json(path.with_suffix(".json"), made)
        print(path)


if __name__ == "__main__":
    main()
