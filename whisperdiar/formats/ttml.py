"""TTML in the text profile of IMSC 1.1 (W3C, https://www.w3.org/TR/ttml-imsc1.1/); TTML of others is read too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.formats._cues import ReadyCue, ready
from whisperdiar.formats._from_cues import transcript_of
from whisperdiar.formats._italics import write_italics
from whisperdiar.formats._labels import split_labels
from whisperdiar.formats._making import subtitle_cues
from whisperdiar.formats._speakers import PALETTE, chosen_style, clean_names, colour_numbers, readable_leads
from whisperdiar.formats._text import clock, one_line, speaker_names
from whisperdiar.formats._ttml_read import document_cues, document_language
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "ttml"
suffix = ".ttml"
aliases = (".dfxp", ".xml", ".itt")
needs = "words"

_PROFILE = "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
_NAMESPACES = (
    'xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
    'xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
)
_REGION_TOPS = (75, 55, 35, 15)
"""Per cent of the height, from the lowest region up; the profile allows four at a time (section 8.2), which never
cover each other."""
_REGION_HEIGHT = 20
_RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_NO_XML = re.compile("[\ufffe\uffff]")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A document of a transcript's subtitles, the speakers as agents and by colour."""
    names = speaker_names(transcript)
    found = subtitle_cues(transcript, style=_style(options), options=options)
    return dumps_cues(found, names, language=transcript.language, options=options)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    language: str | None = None,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    style = _style(options)
    made = ready(cues)
    known = clean_names(made, names)
    colours = colour_numbers(known if style == "colour" else {})
    told = {} if options.speaker_style == "none" else {label: shown for label, shown in known.items() if shown}
    agents: dict[str | None, str] = {label: f"speaker{index}" for index, label in enumerate(told, start=1)}
    before = readable_leads(made, known, style, told="lines" if told else "")
    used = sorted({colours[who] for cue in made for who in cue.speakers if who in colours})
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<tt {_NAMESPACES} ttp:contentProfiles="{_PROFILE}" ttp:timeBase="media" xml:lang={_quoted(language or "")}>',
        "  <head>",
        *_metadata(told, agents),
        *_styling(used, language),
        *_layout(made),
        "  </head>",
        "  <body>",
        "    <div>",
        *(_paragraph(cue, row, agents, colours) for cue, row in zip(made, before, strict=True)),
        "    </div>",
        "  </body>",
        "</tt>",
    ]
    return "".join(line + "\n" for line in lines)


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The paragraphs in the order of the document; spans with times of their own are cues of their own.

    Args:
        labels: where no agent says who speaks, take ``Anna: `` and dashes out of the text for it.

    Raises:
        FormatError: no TTML, or a time that cannot be read; with the line's number or the text.
    """
    cues = tuple(document_cues(text))
    return split_labels(cues) if labels else cues


def read(text: str) -> Transcript:
    """The transcript that a document shows, with its language; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return transcript_of(read_cues(text), shown=read_cues(text, labels=False), language=document_language(text))


def _style(options: WriteOptions) -> str:
    return chosen_style(options.speaker_style, own="colour", supported=("colour", "voice"))


def _metadata(names: Mapping[str, str], agents: Mapping[str | None, str]) -> list[str]:
    if not names:
        return []
    return [
        "    <metadata>",
        *(
            f'      <ttm:agent xml:id="{agents[label]}" type="person">'
            f'<ttm:name type="full">{_escaped(shown)}</ttm:name></ttm:agent>'
            for label, shown in names.items()
        ),
        "    </metadata>",
    ]


def _styling(used: Sequence[int], language: str | None) -> list[str]:
    direction = ' tts:direction="rtl"' if (language or "").partition("-")[0] in _RIGHT_TO_LEFT else ""
    return [
        "    <styling>",
        '      <style xml:id="paragraph" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%" '
        f'tts:lineHeight="125%" tts:textAlign="center"{direction}/>',
        f'      <style xml:id="text" tts:color="#{PALETTE[0]}" tts:backgroundColor="#000000C0"/>',
        *(f'      <style xml:id="colour{number + 1}" tts:color="#{PALETTE[number]}"/>' for number in used),
        "    </styling>",
    ]


def _layout(cues: Sequence[ReadyCue]) -> list[str]:
    used = sorted({_region(cue) for cue in cues} | {0})
    return [
        "    <layout>",
        *(
            f'      <region xml:id="region{number + 1}" tts:origin="10% {_REGION_TOPS[number]}%" '
            f'tts:extent="80% {_REGION_HEIGHT}%" tts:displayAlign="after" tts:overflow="visible"/>'
            for number in used
        ),
        "    </layout>",
    ]


def _region(cue: ReadyCue) -> int:
    return min(cue.level, len(_REGION_TOPS) - 1)


def _paragraph(
    cue: ReadyCue, before: Sequence[str], agents: Mapping[str | None, str], colours: Mapping[str | None, int]
) -> str:
    alone = len(set(cue.speakers)) == 1
    spans = []
    for number, (lead, line, speaker) in enumerate(zip(before, cue.lines, cue.speakers, strict=True)):
        style = f"text colour{colours[speaker] + 1}" if speaker in colours else "text"
        agent = "" if alone else _agent(speaker, agents)
        text = _escaped(lead) + write_italics(line, cue.italic(number), _escaped, _ITALIC)
        spans.append(f'<span style="{style}"{agent}>{text}</span>')
    times = f'begin="{clock(cue.start_ms, ".")}" end="{clock(cue.end_ms, ".")}"'
    agent = _agent(cue.speakers[0], agents) if alone else ""
    place = f'region="region{_region(cue) + 1}" style="paragraph"'
    return f'      <p {times} {place}{agent} xml:space="preserve">{"<br/>".join(spans)}</p>'


_ITALIC = ('<span tts:fontStyle="italic">', "</span>")


def _agent(speaker: str | None, agents: Mapping[str | None, str]) -> str:
    return f' ttm:agent="{agents[speaker]}"' if speaker in agents else ""


def _escaped(text: str) -> str:
    """For XML; the two characters that it cannot hold, of those that are left in a line, are replaced."""
    return escape(_NO_XML.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", one_line(text)))
