"""Files of the repository outside of docs/ that the site shows, as a hook of MkDocs.

A link in a page is a path of the repository, so that the pages can be read in the repository, too. This hook adds the
files outside of docs/ to the site, and turns links to them into links of the site.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "CITATION.cff",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "LICENSE.txt",
    "datasets/README.md": "datasets.md",
    "models/shd-best.md": "shd-best.md",
    "models/shd-small.md": "shd-small.md",
    "snnsim/listening/models/digits-int8.md": "digits-int8.md",
    **{f"figures/{path.name}": f"figures/{path.name}" for path in (ROOT / "figures").iterdir()},
}
"""Paths in the repository, and in the site."""
SOURCES = {path: source for source, path in FILES.items()}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside of docs/ to the site.

    Args:
        files: Files of the site, which get the new ones.
        config: Config of MkDocs.
    """
    for source, path in FILES.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Return the text of a page with its links as links of the site.

    Args:
        markdown: Text of the page.
        page: The page, with its path below docs/.
        config: Not used; MkDocs passes it.
        files: Not used; MkDocs passes it.
    """
    path = page.file.src_uri
    source = SOURCES.get(path, f"docs/{path}")

    def link_in_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        in_site = {**FILES, "README.md": "index.md"}.get(target, target.removeprefix("docs/"))
        return posixpath.relpath(in_site, posixpath.dirname(path) or ".")

    return LINK.sub(link_in_site, markdown)
