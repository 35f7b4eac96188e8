#!/usr/bin/env python3
"""Builds the documentation as a site with search and an API reference; a broken link is an error.

    pip install -e ".[docs]"
    python scripts/build_site.py              # into build/site; open build/site/index.html through a server:
    python -m http.server -d build/site

A page of the site lies where it lies in the repository, so that a link between two files leads to the same place on
GitHub and here. The pages are those of the navigation in mkdocs.yml and whatever they link to, copied into
build/site-pages before Zensical reads them.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES, SITE = Path("build/site-pages"), Path("build/site")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def navigation(configuration: str) -> list[Path]:
    """The pages and style sheets that mkdocs.yml names, relative to the repository."""
    return [Path(page) for page in re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.(?:md|css))$", configuration, re.MULTILINE)]


def linked(page: Path) -> Iterator[Path]:
    """The files of the repository to which a page links, relative to it; pictures are links too."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        path = (ROOT / page).parent.joinpath(target).resolve()
        if not (path.is_file() and path.is_relative_to(ROOT)):
            raise SystemExit(
                f"{page} links to {target}, which is no file of the repository. To fix this, mend the link."
            )
        yield path.relative_to(ROOT)


def reachable(pages: list[Path]) -> set[Path]:
    """The pages, and all that can be reached from them by links."""
    found, waiting = set(pages), list(pages)
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md":
            new = set(linked(page)) - found
            found |= new
            waiting += new
    return found


def lay_out(files: set[Path]) -> None:
    """Copy the files into a new PAGES, where they lie as in the repository."""
    shutil.rmtree(ROOT / PAGES, ignore_errors=True)
    for file in sorted(files):
        copy = ROOT / PAGES / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, copy)


def public_names() -> list[str]:
    """What `whisperdiar.__all__` lists."""
    module = ast.parse((ROOT / "whisperdiar" / "__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        item.value for item in module.body if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "__all__"
    )
    return [name for name in ast.literal_eval(names) if not name.startswith("_")]


def check_reference() -> None:
    """Refuse a reference in which a public name has no place."""
    pages = (page.read_text(encoding="utf-8") for page in (ROOT / SITE).rglob("index.html"))
    documented = {name for page in pages for name in re.findall(r'id="whisperdiar\.(?:\w+\.)*(\w+)"', page)}
    lost = [name for name in public_names() if name not in documented]
    if lost:
        raise SystemExit(
            f"The reference lacks {', '.join(lost)} of whisperdiar.__all__. To fix this, give each a docstring and a "
            "place in docs/api."
        )


def main() -> None:
    started = time.monotonic()
    lay_out(reachable(navigation((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))))
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit("The site was not built. To fix this, mend what is named above.")
    check_reference()
    print(f"built {SITE} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
