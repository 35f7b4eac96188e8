#!/usr/bin/env python3
"""Prints the import graph of the package: places, imports between them, levels, circles.

    python scripts/import_graph.py                           # of this checkout
    python scripts/import_graph.py --revision v0.1           # of a revision
    python scripts/import_graph.py --edges diarization       # every import between the places of one folder

A place is a module or folder that lies directly in the package, or in the folder that is named. An import counts once
for each pair of places, wherever it stands in the module, but not where it is for type checkers only. Levels are the
places of the longest chain of imports; places that import each other are a circle and stand on one level.

grimp, which import-linter brings (extra `dev`), reads the imports.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "whisperdiar"
Edges = Mapping[str, set[str]]


def read_places(graph: grimp.ImportGraph, folder: str) -> dict[str, set[str]]:
    """Each place of a folder (a dotted name), and those of its neighbours that it imports."""
    places = {module: set[str]() for module in graph.find_children(folder)}

    def find_place(module: str) -> str | None:
        parts = module.split(".")[: folder.count(".") + 2]
        return ".".join(parts) if ".".join(parts) in places else None

    for module in graph.modules:
        importer = find_place(module)
        if importer is None:
            continue
        imported = (find_place(name) for name in graph.find_modules_directly_imported_by(module))
        places[importer] |= {name for name in imported if name is not None and name != importer}
    return places


def find_circles(edges: Edges) -> list[frozenset[str]]:
    """Strongly connected places, more than one in each, in the order of their names."""
    reached = {place: set(_reach(place, edges)) for place in edges}
    circles = {
        frozenset({place} | {other for other in reached[place] if place in reached[other]})
        for place in edges
        if place in reached[place]
    }
    return sorted(circles, key=sorted)


def _reach(place: str, edges: Edges) -> Iterator[str]:
    seen: set[str] = set()
    waiting = list(edges[place])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += edges[name]


def count_levels(edges: Edges) -> int:
    """Places of the longest chain of imports; a circle counts as one place."""
    circle_of = {place: circle for circle in find_circles(edges) for place in circle}
    name_of = {place: min(circle_of.get(place, [place])) for place in edges}
    condensed: dict[str, set[str]] = defaultdict(set)
    for place, imported in edges.items():
        condensed[name_of[place]] |= {name_of[name] for name in imported} - {name_of[place]}
    heights: dict[str, int] = {}

    def measure(place: str) -> int:
        if place not in heights:
            heights[place] = 1 + max(map(measure, condensed[place]), default=0)
        return heights[place]

    return max(map(measure, list(condensed)), default=0)


def describe(graph: grimp.ImportGraph, folder: str) -> str:
    """One line for a folder."""
    edges = read_places(graph, folder)
    circles = find_circles(edges)
    shown = "; ".join(" = ".join(name.removeprefix(f"{folder}.") for name in sorted(circle)) for circle in circles)
    n_imports = sum(map(len, edges.values()))
    return (
        f"{folder}: {len(edges)} places, {n_imports} imports between them, {count_levels(edges)} levels, "
        f"{len(circles)} circles" + (f" ({shown})" if shown else "")
    )


def build_graph(root: Path) -> grimp.ImportGraph:
    """The imports of the package that lies in `root`."""
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revision", help="of git; without it the files as they are")
    parser.add_argument("--edges", metavar="FOLDER", help="print the imports between the places of this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = ROOT
        if options.revision:
            packed = subprocess.run(
                ["git", "archive", options.revision, PACKAGE], cwd=ROOT, check=True, capture_output=True
            ).stdout
            with tarfile.open(fileobj=BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")
            root = Path(folder)
        graph = build_graph(root)
        if options.edges is not None:
            name = f"{PACKAGE}.{options.edges.replace('/', '.')}".rstrip(".")
            for place, imported in sorted(read_places(graph, name).items()):
                print(place, "→", ", ".join(sorted(imported)) or "nothing")
            return
        print(f"{len(graph.modules)} modules")
        print(describe(graph, PACKAGE))
        for module in sorted(graph.find_children(PACKAGE)):
            if len(graph.find_children(module)) > 1:
                print(describe(graph, module))


if __name__ == "__main__":
    main()
