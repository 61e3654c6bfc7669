"""The documentation is true: its code runs, its commands parse, and its links and figures lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import tyro

import snnsim
from snnsim import cli, presets

ROOT = Path(__file__).parent.parent
SITE = sorted(ROOT.glob("docs/**/*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "datasets/README.md", *SITE]
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
NOT_RUN = "Not run by the tests: "
"""Starts the title of a block that is left out. The reason follows, and readers see both."""
PRIVATE = re.compile(
    r"whole[ ]delays|\b(by|to) chance|who runs|that forget|neighbors|licence"
    r"|\w+(al|il|im|ar|or|ic|nt)is(ation|ed|es|ing)\b"
)
"""Words that no page uses, as the field or American spelling has others: see docs/glossary.md."""


def blocks(page: str) -> list[tuple[str, ...]]:
    """Return language, title and text of the blocks of code of a page."""
    return [block.groups() for block in BLOCK.finditer(TEXT[page])]


def code(page: str) -> list[str]:
    """Return the blocks of Python of a page that run."""
    return [text for language, title, text in blocks(page) if language == "python" and NOT_RUN not in title]


def commands(page: str) -> list[str]:
    """Return the lines of a page that call snnsim."""
    lines = "".join(text for language, _, text in blocks(page) if language == "sh").replace("\\\n", "").splitlines()
    return [line for line in lines if re.match(r"(\w+=\S+ )*snnsim ", line)]


def anchors(page: str) -> set[str]:
    """Return the anchors of a page, as GitHub and MkDocs name those of its headings."""
    text = BLOCK.sub("", TEXT[page])
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings)
    return {re.sub(r"\s+", "-", heading.strip()) for heading in plain} | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", [page for page in TEXT if code(page)])
def test_the_code_of_a_page_runs_and_prints_its_output(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("spikingjelly")
    names: dict = {}
    for language, title, text in blocks(page):
        if language == "python" and NOT_RUN not in title:
            capsys.readouterr()
            exec(compile(text, page, "exec"), names)
        elif "Output" in title:
            assert capsys.readouterr().out == text
    if page == "docs/tutorial.md":
        assert names["accuracy"] > 0.6
        assert (names["decided"] == names["scores"].argmax(-1).numpy()).all()


def test_a_block_that_does_not_run_says_why():
    titles = [title for page in TEXT for language, title, _ in blocks(page) if language == "python" and title]
    assert len(titles) <= 2
    assert all(re.fullmatch(rf' title="{NOT_RUN}.{{10,}}"', title) for title in titles)


@pytest.mark.parametrize("page", [page for page in TEXT if commands(page)])
def test_commands_parse(page):
    for line in commands(page):
        words = shlex.split(line, comments=True)
        arguments = cli._rewritten(words[words.index("snnsim") + 1 :])
        command = tyro.cli(
            cli.Command, args=arguments, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
        )
        assert callable(command), line


def test_every_preset_is_in_the_table_of_the_command_line():
    endings = tuple(f"-{ablation}" for ablation in presets.ABLATIONS)
    names = [name for name in presets.PRESETS if not name.endswith(endings) or name == "patterns-fixed-delays"]
    assert [name for name in names if f"`{name}`" not in TEXT["docs/command-line.md"]] == []


def test_every_command_is_documented():
    shown = {word for page in TEXT for line in commands(page) for word in re.findall(r"snnsim ([a-z]+)", line)}
    names = re.findall(r'subcommand\("(\w+)"\)', Path(cli.__file__).read_text(encoding="utf-8"))
    assert shown >= {*names, "data"}


@pytest.mark.parametrize("page", TEXT)
def test_links_lead_somewhere(page):
    for link in LINK.findall(BLOCK.sub("", TEXT[page])):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        name = target.resolve().relative_to(ROOT).as_posix()
        if anchor and name in TEXT:
            assert anchor in anchors(name), link


def test_tests_that_a_page_names_exist():
    named = {path for text in TEXT.values() for path in re.findall(r"`(tests/[\w/.]+)`", text)}
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_figure_is_linked_from_a_page():
    linked = {Path(link).name for text in TEXT.values() for link in LINK.findall(text)}
    pictures = {path.name for path in (ROOT / "figures").iterdir()}
    # the command, seed and commit of a picture lie beside it
    records = {f"{Path(name).stem}.json" for name in pictures if name.endswith(".png")}
    assert pictures - linked - records == set()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 8192


def test_figures_of_the_readme_are_those_of_the_pages_it_links_to():
    rows = re.findall(r"^\| \[[^]]*\]\((docs/\w+\.md)#[\w-]+\)(.*)$", TEXT["README.md"], re.MULTILINE)
    assert len(rows) == 6
    for page, cells in rows:
        numbers = re.findall(r"[\d,.]*\d(?: ?%| s\b| ms\b| MiB| kB)", cells)
        assert numbers, cells
        for number in numbers:
            assert re.search(rf"(?<![\d.]){re.escape(number.split()[0])}(?!\d)", TEXT[page]), (page, number)


def test_every_public_name_stands_in_the_reference():
    text = "".join(text for page, text in TEXT.items() if page.startswith("docs/api/"))
    objects = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    assert {f"snnsim.{name}" for name in snnsim.__all__} <= objects
    assert not [name for name in snnsim.__all__ if f"`{name}`" not in TEXT["docs/api/index.md"]]


@pytest.mark.parametrize("page", TEXT)
def test_pages_use_the_words_of_the_field(page):
    prose = re.sub(r"^:::.*$|`[^`\n]*`|\([^)\s]*\)", "", BLOCK.sub("", TEXT[page]), flags=re.MULTILINE)
    assert not [word.group() for word in PRIVATE.finditer(prose.lower())]


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    missing = [page for path in SITE if (page := path.relative_to(ROOT / "docs").as_posix()) not in navigation]
    assert not missing
