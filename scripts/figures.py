"""Draw the figures of the documentation from a run, each with a JSON file of its command, seed and commit.

make demo && scripts/figures.py runs/digits-demo
"""

import argparse
import json
from pathlib import Path

from snnsim import experiment
from snnsim.files import write_json
from snnsim.training.run_folder import RunFolder

FIGURES = Path(__file__).parent.parent / "figures"


def main() -> None:
    """Draw the figures of a run into figures/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the run, such as runs/digits-demo")
    parser.add_argument("--name", default="digits", help="prefix of the names of the files")
    options = parser.parse_args()
    folder = RunFolder(options.run)
    source = json.loads((folder.path / "environment.json").read_text(encoding="utf-8"))
    for kind in ("raster", "delays", "curves"):
        path = FIGURES / f"{options.name}-{kind}.png"
        experiment.plot(folder.path, kind, path)
        content = {"command": f"scripts/figures.py {options.run} --name {options.name}", "run": source}
        write_json(path.with_suffix(".json"), content)
        print(path)


if __name__ == "__main__":
    main()
