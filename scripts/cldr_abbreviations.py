"""Make whisperdiar/data/abbreviations.json from CLDR: words whose point ends no sentence.

    npm pack cldr-segments-full@46.1.0 && tar xzf cldr-segments-full-46.1.0.tgz
    python scripts/cldr_abbreviations.py package

CLDR lists them per language as suppressions of sentence breaks (UTS #35, part 4). Those of several words are left to
the rules for the form of a word; those that are ordinary words as well, which end sentences in speech ("What's up."),
are left out by the lists below.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

TARGET = Path(__file__).parents[1] / "whisperdiar" / "data" / "abbreviations.json"
NOTICE = TARGET.with_name("abbreviations.LICENSE")

ORDINARY = {
    "de": "akt alt am app art ben best di dir do int led max mi mo mod op pin port rel rep sa so temp test trans",
    "en": "ab abs act ad all alt as by cap card dc def diff do ed ex exec go hat id in is jam job joe link long mart "
    "ok on op or org pc pro to up var",
    "es": "aa ant bien col da dc fabric id kit korn mar ram rol sa sol vid",
    "fr": "cam config dc doc jeu mer op sam var",
    "it": "dc on",
    "pt": "ap cel com des end est ex mar set",
}
"""Suppressions that are words of their own, by language."""


def read_suppressions(folder: Path) -> dict[str, list[str]]:
    """Per language the abbreviations in lower case without their last point, sorted."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("segments/*/suppressions.json")):
        data = json.loads(path.read_text("utf-8"))["segments"]["segmentations"]
        listed = {item["suppression"].rstrip(".").lower() for item in data.get("SentenceBreak", {}).get("standard", [])}
        language = path.parent.name
        kept = {word for word in listed if " " not in word} - set(ORDINARY.get(language, "").split())
        if kept:
            found[language] = sorted(kept)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked npm package cldr-segments-full")
    folder: Path = parser.parse_args().package
    about = json.loads((folder / "package.json").read_text("utf-8"))
    languages = {code: " ".join(words) for code, words in read_suppressions(folder).items()}
    data = {"source": f"{about['name']} {about['version']}", "license": about["license"], "languages": languages}
    TARGET.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", "utf-8")
    NOTICE.write_text((folder / "LICENSE").read_text("utf-8"), "utf-8")


if __name__ == "__main__":
    main()
