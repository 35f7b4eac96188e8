"""Minutes as an OpenDocument text (OASIS OpenDocument 1.3), for LibreOffice and others; needs no package."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.formats._writing.document import LAYOUTS, PAGE, is_right_to_left, replace_no_xml
from whisperdiar.formats._writing.opendocument import HEAD, NAMESPACES, URN, make_package, make_paragraph
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.blocks import (
    Block,
    Entry,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Signatures,
    Table,
    Tasks,
)
from whisperdiar.minutes.render.layout import document
from whisperdiar.minutes.template import Template
from whisperdiar.options.command_line import MINUTES_STYLE
from whisperdiar.reports.plots import picture_png

_SPACES = (
    f'{NAMESPACES} xmlns:table="{URN}table:1.0" xmlns:draw="{URN}drawing:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)
_PICTURE = "Pictures/picture.png"
_GREY, _LINK, _RULE = "#666666", "#0b5cad", "#c8c8c8"
_LAYOUT = LAYOUTS["plain"]
_WIDTH = PAGE[0] - _LAYOUT.margins[1] - _LAYOUT.margins[3]
_TASK_COLUMNS = (0.09, 0.51, 0.18, 0.22)
"""Shares of the width of the page."""


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> bytes:
    """The package as a file's bytes."""
    page = document(minutes, template, style)
    pictures: dict[str, bytes] = {}
    body = "".join(_format_block(block, place, pictures) for place, block in enumerate(page.blocks))
    content = (
        f"{HEAD}<office:document-content {_SPACES}><office:automatic-styles>{_column_styles(page.blocks)}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    return make_package(replace_no_xml(page.title), page.language, _styles(page.language), content, pictures)


def _format_block(block: Block, place: int, pictures: dict[str, bytes]) -> str:
    if isinstance(block, Heading):
        aside = f" <text:s/>{_link(block.aside, block.link)}" if block.aside else ""
        kind = "Title" if block.level == 1 else f"Heading{block.level}"
        inner = f"{_text(block.text)}{aside}"
        return f'<text:h text:style-name="{kind}" text:outline-level="{block.level}">{inner}</text:h>'
    if isinstance(block, Paragraph):
        return _paragraph("Facts" if block.quiet else "Body", block.text)
    if isinstance(block, Table):
        rows = [[_cell(_paragraph("Head", text)) for text in block.header]]
        rows += [[_cell(_paragraph("Cell", text)) for text in row] for row in block.rows]
        return _format_table(rows, len(block.header), place)
    if isinstance(block, Tasks):
        rows = [[_cell(_paragraph("Head", text)) for text in ("", *block.header)]]
        for task in block.rows:
            quotes = _format_quotes(task.quotes, full=block.show_quotes)
            rows.append(
                [
                    _cell(_paragraph("Cell", f"☐ {task.number}")),
                    _cell(_paragraph("Cell", task.text) + quotes),
                    _cell(_paragraph("Cell", task.owner)),
                    _cell(_paragraph("Cell", task.due)),
                ]
            )
        return _format_table(rows, 4, place)
    if isinstance(block, Listing):
        kind = "Numbers" if block.numbered else "Bullets"
        return _list(kind, [_paragraph("Item", line) for line in block.lines])
    if isinstance(block, Signatures):
        return "".join(_paragraph("Sign", label) for label in block.labels)
    if isinstance(block, Picture):
        return _format_picture(block, pictures)
    return _format_entry(block)


def _format_entry(block: Entry) -> str:
    lead = f'<text:span text:style-name="Bold">{_text(block.lead)}:</text:span> ' if block.lead else ""
    style = "Item_rl" if is_right_to_left(block.text) else "Item"
    told = make_paragraph(style, lead + _text(block.text))
    return _list("Bullets", [told + _format_quotes(block.quotes, full=block.show_quotes)])


def _list(style: str, items: Sequence[str]) -> str:
    made = "".join(f"<text:list-item>{item}</text:list-item>" for item in items)
    return f'<text:list text:style-name="{style}">{made}</text:list>'


def _format_quotes(quotes: Sequence[Quote], *, full: bool) -> str:
    if not full:
        return make_paragraph("Quote", " <text:s/>".join(_link(item.time, item.link) for item in quotes))
    return "".join(
        make_paragraph(
            "Quote_rl" if is_right_to_left(item.text) else "Quote",
            f"{_link(item.time, item.link)} <text:s/>"
            + _text(f"{item.speaker}: {item.text}" if item.speaker else item.text),
        )
        for item in quotes
    )


def _format_table(rows: Sequence[Sequence[str]], n_columns: int, place: int) -> str:
    columns = "".join(f'<table:table-column table:style-name="t{place}.{k}"/>' for k in range(n_columns))
    head, *others = (f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in rows)
    return (
        f'<table:table table:name="t{place}" table:style-name="Table">{columns}'
        f"<table:table-header-rows>{head}</table:table-header-rows>{''.join(others)}</table:table>"
        + make_paragraph("Body", "")
    )


def _cell(inner: str) -> str:
    return f'<table:table-cell table:style-name="TableCell" office:value-type="string">{inner}</table:table-cell>'


def _format_picture(block: Picture, pictures: dict[str, bytes]) -> str:
    """Drawn as PNG where the extra ``plot`` is installed and the machine has a font; left out where not."""
    try:
        drawn = picture_png(block.svg)
    except (BackendMissing, OutputError):
        return ""
    pictures[_PICTURE] = drawn
    width, height = (int.from_bytes(drawn[k : k + 4], "big") for k in (16, 20))  # of the IHDR of a PNG
    tall = _WIDTH * height / width
    frame = (
        f'<draw:frame text:anchor-type="as-char" svg:width="{_WIDTH:g}pt" svg:height="{tall:g}pt">'
        f'<draw:image xlink:href="{_PICTURE}" xlink:type="simple"/><svg:desc>{_text(block.label)}</svg:desc>'
        "</draw:frame>"
    )
    return make_paragraph("Picture", frame)


def _text(text: str) -> str:
    return escape(replace_no_xml(text))


def _paragraph(style: str, text: str) -> str:
    return make_paragraph(f"{style}_rl" if is_right_to_left(text) else style, _text(text))


def _link(text: str, link: str | None) -> str:
    if link is None:
        return f'<text:span text:style-name="Time">{_text(text)}</text:span>'
    return (
        f'<text:a xlink:type="simple" xlink:href={quoteattr(link)}><text:span text:style-name="Link">{_text(text)}'
        "</text:span></text:a>"
    )


def _column_styles(blocks: Sequence[Block]) -> str:
    """Widths of columns: those of the participants are equal but for the first, which holds names."""
    made = [
        f'<style:style style:name="Table" style:family="table"><style:table-properties style:width="{_WIDTH:g}pt" '
        'table:align="left"/></style:style>',
        '<style:style style:name="TableCell" style:family="table-cell"><style:table-cell-properties '
        f'fo:border-bottom="0.5pt solid {_RULE}" fo:padding="3pt"/></style:style>',
    ]
    for place, block in enumerate(blocks):
        if isinstance(block, Table):
            n = len(block.header)
            shares: tuple[float, ...] = (2 / (n + 1), *[1 / (n + 1)] * (n - 1))
        elif isinstance(block, Tasks):
            shares = _TASK_COLUMNS
        else:
            continue
        made += [
            f'<style:style style:name="t{place}.{k}" style:family="table-column">'
            f'<style:table-column-properties style:column-width="{_WIDTH * share:g}pt"/></style:style>'
            for k, share in enumerate(shares)
        ]
    return "".join(made)


def _styles(language: str) -> str:
    top, right, _, left = (f"{margin:g}pt" for margin in _LAYOUT.margins)
    size, pitch = f"{_LAYOUT.size:g}pt", f"{_LAYOUT.pitch:g}pt"
    kinds = {
        "Body": ('fo:margin-bottom="6pt"', ""),
        "Facts": ('fo:margin-bottom="6pt"', f'fo:color="{_GREY}"'),
        "Picture": ('fo:line-height="100%" fo:margin-top="6pt"', ""),
        "Item": ('fo:margin-bottom="3pt"', ""),
        "Quote": ('fo:line-height="12.5pt" fo:margin-bottom="3pt"', f'fo:font-size="9pt" fo:color="{_GREY}"'),
        "Cell": ("", ""),
        "Head": ("", f'fo:font-size="9pt" fo:color="{_GREY}"'),
        "Sign": (
            'fo:keep-with-next="always" fo:margin-top="36pt" fo:margin-right="220pt" '
            'fo:border-top="0.6pt solid #000000"',
            'fo:font-size="9pt"',
        ),
    }
    styles = [
        f'<style:default-style style:family="paragraph"><style:paragraph-properties fo:line-height="{pitch}" '
        f'fo:orphans="2" fo:widows="2"/><style:text-properties style:font-name="body" fo:font-size="{size}" '
        f'style:font-size-asian="{size}" style:font-size-complex="{size}" fo:language={quoteattr(language)} '
        'fo:country="none"/></style:default-style>'
    ]
    for number, (letters, before) in enumerate(((18, 0), (13.5, 14), (11.5, 10)), start=1):
        kind = "Title" if number == 1 else f"Heading{number}"
        styles.append(
            f'<style:style style:name="{kind}" style:family="paragraph" style:default-outline-level="{number}">'
            f'<style:paragraph-properties fo:line-height="130%" fo:margin-top="{before}pt" fo:margin-bottom="4pt" '
            f'fo:keep-with-next="always"/><style:text-properties fo:font-size="{letters}pt" fo:font-weight="bold" '
            'style:font-weight-asian="bold" style:font-weight-complex="bold"/></style:style>'
        )
    for kind, (paragraph, text) in kinds.items():
        for ending, direction in (("", ""), ("_rl", 'style:writing-mode="rl-tb" fo:text-align="right" ')):
            styles.append(
                f'<style:style style:name="{kind}{ending}" style:family="paragraph"><style:paragraph-properties '
                f"{direction}{paragraph}/><style:text-properties {text}/></style:style>"
            )
    for kind, text in (
        ("Bold", 'fo:font-weight="bold" style:font-weight-asian="bold" style:font-weight-complex="bold"'),
        ("Time", f'fo:font-size="9pt" fo:font-weight="normal" fo:color="{_GREY}"'),
        ("Link", f'fo:font-size="9pt" fo:font-weight="normal" fo:color="{_LINK}"'),
    ):
        styles.append(
            f'<style:style style:name="{kind}" style:family="text"><style:text-properties {text}/></style:style>'
        )
    styles.append(
        '<style:style style:name="Footer" style:family="paragraph"><style:paragraph-properties fo:text-align="center"/>'
        f'<style:text-properties fo:font-size="9pt" fo:color="{_GREY}"/></style:style>'
    )
    label = (
        '<style:list-level-properties text:list-level-position-and-space-mode="label-alignment">'
        '<style:list-level-label-alignment text:label-followed-by="listtab" text:list-tab-stop-position="18pt" '
        'fo:text-indent="-18pt" fo:margin-left="18pt"/></style:list-level-properties>'
    )
    styles += [
        '<text:list-style style:name="Bullets"><text:list-level-style-bullet text:level="1" text:bullet-char="•">'
        f"{label}</text:list-level-style-bullet></text:list-style>",
        '<text:list-style style:name="Numbers"><text:list-level-style-number text:level="1" style:num-format="1" '
        f'style:num-suffix=".">{label}</text:list-level-style-number></text:list-style>',
    ]
    width, height = (f"{length:g}pt" for length in PAGE)
    return (
        f"{HEAD}<office:document-styles {_SPACES}><office:font-face-decls>"
        f'<style:font-face style:name="body" svg:font-family="&apos;{_LAYOUT.font}&apos;"/></office:font-face-decls>'
        f"<office:styles>{''.join(styles)}</office:styles><office:automatic-styles><style:page-layout "
        f'style:name="page"><style:page-layout-properties fo:page-width="{width}" fo:page-height="{height}" '
        f'fo:margin-top="{top}" fo:margin-right="{right}" fo:margin-bottom="36pt" fo:margin-left="{left}"/>'
        f'<style:footer-style><style:header-footer-properties fo:min-height="{_LAYOUT.margins[2] - 36:g}pt" '
        'fo:margin-top="12pt"/></style:footer-style></style:page-layout></office:automatic-styles>'
        '<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="page"><style:footer>'
        '<text:p text:style-name="Footer"><text:page-number text:select-page="current">1</text:page-number></text:p>'
        "</style:footer></style:master-page></office:master-styles></office:document-styles>"
    )
