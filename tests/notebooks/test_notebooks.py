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
    "1": "100.0% of the decisions equal those of torch",
    "2": "correct with the learned delays",
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


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return the texts of each notebook; one kernel runs all of them, as its start takes longer than a notebook."""
    # names of a notebook are removed before the next one, so that each stands alone
    cells, counts = [], []
    for path in NOTEBOOKS:
        own = [nbformat.v4.new_code_cell("%reset -f"), *nbformat.read(path, as_version=4).cells]
        counts.append(len(own))
        cells += own
    folder = str(tmp_path_factory.mktemp("notebooks"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    texts, first = {}, 0
    for path, count in zip(NOTEBOOKS, counts, strict=True):
        outputs = [each for cell in notebook.cells[first : first + count] for each in cell.get("outputs", [])]
        texts[path.name[0]] = "".join(each.get("text", "") for each in outputs)
        first += count
    return texts


@pytest.mark.parametrize("number", RESULTS)
def test_notebooks_run(executed, number):
    assert RESULTS[number] in executed[number]
