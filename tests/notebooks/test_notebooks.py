"""The notebooks of the documentation run, and are committed without outputs."""

import json
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="the package nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="the package nbformat is not installed")
pytest.importorskip("ipykernel", reason="the package ipykernel is not installed")
FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
RESULTS = {
    "1": "% of the decisions equal those of torch",
    "2": "with the learned delays",
    "3": "equal counts in every neuron and recording: True",
    "4": "difference +",
}
"""A text of the output of each notebook."""


def test_there_are_four_notebooks():
    assert [path.name[0] for path in NOTEBOOKS] == list(RESULTS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_have_no_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell.get("outputs", []) for cell in cells] == [[]] * len(cells)
    assert not [cell for cell in cells if cell.get("execution_count") is not None]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    texts = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert RESULTS[path.name[0]] in "".join(texts)
