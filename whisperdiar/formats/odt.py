"""A transcript as an OpenDocument text (OASIS OpenDocument 1.3, ISO/IEC 26300), for LibreOffice and others.

Five parts in a package: type, manifest, meta data, styles (with page and line numbers) and content. Nothing of it
depends on the machine or the clock.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from whisperdiar.formats._writing.document import LAYOUTS, PAGE, Document, Layout, Passage, document
from whisperdiar.formats._writing.opendocument import HEAD, NAMESPACES, make_package, make_paragraph
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "odt"
suffix = ".odt"
styles_speakers = True
has_templates = True
needs = "words"

_GREY = "#666666"


def dumps(transcript: Transcript, *, options: WriteOptions) -> bytes:
    """The package; `options.template` chooses how the text is set."""
    page = document(transcript, options)
    return make_package(page.title, page.language, _styles(page, LAYOUTS[options.template]), _content(page))


def _content(page: Document) -> str:
    lines = [make_paragraph("Title", escape(page.title))]
    if page.facts:
        lines.append(make_paragraph("Facts", escape(page.facts)))
    for passage in page.passages:
        lines += [make_paragraph("Speaker" + _direction_suffix(passage), _who(passage))]
        lines += [make_paragraph("Passage" + _direction_suffix(passage), escape(passage.text))]
    return (
        f"{HEAD}<office:document-content {NAMESPACES}><office:body><office:text>"
        + "".join(lines)
        + "</office:text></office:body></office:document-content>"
    )


def _who(passage: Passage) -> str:
    speaker = f'<text:span text:style-name="Name">{escape(passage.speaker)}</text:span> <text:s/>'
    return (speaker if passage.speaker else "") + f'<text:span text:style-name="Time">{passage.time}</text:span>'


def _direction_suffix(passage: Passage) -> str:
    return "_rl" if passage.right_to_left else ""


def _styles(page: Document, layout: Layout) -> str:
    top, right, _, left = (f"{margin:g}pt" for margin in layout.margins)
    width, height = (f"{length:g}pt" for length in PAGE)
    language = f' fo:language={quoteattr(page.language)} fo:country="none"' if page.language else ""
    numbered = "true" if layout.numbered else "false"
    pitch = f' fo:line-height="{layout.pitch:g}pt"'
    unnumbered = ' text:number-lines="false"'
    styles = [
        f'<style:default-style style:family="paragraph"><style:paragraph-properties{pitch} fo:orphans="2" '
        f'fo:widows="2"/><style:text-properties style:font-name="body" fo:font-size="{layout.size:g}pt" '
        f'style:font-size-asian="{layout.size:g}pt" style:font-size-complex="{layout.size:g}pt"{language}/>'
        "</style:default-style>",
        _style("Title", f'{pitch}{unnumbered} fo:margin-bottom="4pt"', 'fo:font-size="18pt" fo:font-weight="bold"'),
        _style("Facts", f'{pitch}{unnumbered} fo:margin-bottom="12pt"', f'fo:color="{_GREY}"'),
        _style("Footer", f'{unnumbered} fo:text-align="center"', f'fo:font-size="9pt" fo:color="{_GREY}"'),
    ]
    for ending, direction in (("", ""), ("_rl", ' style:writing-mode="rl-tb" fo:text-align="right"')):
        styles.append(_style(f"Speaker{ending}", f'{direction} fo:keep-with-next="always"', ""))
        styles.append(_style(f"Passage{ending}", f'{direction} fo:margin-bottom="{layout.after:g}pt"', ""))
    styles += [
        '<style:style style:name="Name" style:family="text"><style:text-properties fo:font-weight="bold" '
        'style:font-weight-asian="bold" style:font-weight-complex="bold"/></style:style>',
        f'<style:style style:name="Time" style:family="text"><style:text-properties fo:color="{_GREY}"/></style:style>',
        '<style:style style:name="Line_20_numbering" style:display-name="Line numbering" style:family="text"/>',
        '<text:linenumbering-configuration text:style-name="Line_20_numbering" style:num-format="1" text:increment="1" '
        f'text:number-lines="{numbered}" text:number-position="left" text:offset="14pt" '
        'text:count-empty-lines="false" text:count-in-text-boxes="false" text:restart-on-page="true"/>',
    ]
    return (
        f"{HEAD}<office:document-styles {NAMESPACES}><office:font-face-decls>"
        f'<style:font-face style:name="body" svg:font-family="&apos;{layout.font}&apos;"/>'
        f"</office:font-face-decls><office:styles>{''.join(styles)}</office:styles><office:automatic-styles>"
        f'<style:page-layout style:name="page"><style:page-layout-properties fo:page-width="{width}" '
        f'fo:page-height="{height}" fo:margin-top="{top}" fo:margin-right="{right}" fo:margin-bottom="36pt" '
        f'fo:margin-left="{left}"/><style:footer-style><style:header-footer-properties '
        f'fo:min-height="{layout.margins[2] - 36:g}pt" fo:margin-top="12pt"/></style:footer-style></style:page-layout>'
        '</office:automatic-styles><office:master-styles><style:master-page style:name="Standard" '
        'style:page-layout-name="page"><style:footer><text:p text:style-name="Footer"><text:page-number '
        'text:select-page="current">1</text:page-number> / <text:page-count>1</text:page-count></text:p></style:footer>'
        "</style:master-page></office:master-styles></office:document-styles>"
    )


def _style(style: str, paragraph: str, text: str) -> str:
    written = f"<style:text-properties {text}/>" if text else ""
    return (
        f'<style:style style:name="{style}" style:family="paragraph"><style:paragraph-properties {paragraph.strip()}/>'
        f"{written}</style:style>"
    )
