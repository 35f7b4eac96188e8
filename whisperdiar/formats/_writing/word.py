"""python-docx, which writes DOCX: imported at the first use, and what its classes leave to be done in XML."""

from __future__ import annotations

import importlib
import io
from typing import Any

from whisperdiar.errors import BackendBroken, BackendMissing, describe_error
from whisperdiar.formats._writing.document import repack
from whisperdiar.text.messages import _


def load_docx(*, extra: str) -> Any:
    """The package ``docx``.

    Args:
        extra: of this package that brings it, for the message.

    Raises:
        BackendMissing: it is not installed.
        BackendBroken: it is, and cannot be imported.
    """
    try:
        return importlib.import_module("docx")
    except ModuleNotFoundError as error:
        if error.name != "docx":
            raise BackendBroken(
                _("python-docx is installed and cannot be used: {error}").format(error=describe_error(error))
            ) from error
        remedy = f'pip install "whisperdiar[{extra}]"'
        raise BackendMissing(
            _("DOCX needs python-docx, which is not installed; run: {remedy}").format(remedy=remedy), remedy=remedy
        ) from error
    except ImportError as error:
        raise BackendBroken(
            _("python-docx is installed and cannot be used: {error}").format(error=describe_error(error))
        ) from error


def save_docx(made: Any) -> bytes:
    """The bytes of a document, without a date: the same document gives the same bytes."""
    properties = made.core_properties._element
    for date in properties.xpath("dcterms:created | dcterms:modified"):
        properties.remove(date)
    stream = io.BytesIO()
    made.save(stream)
    return repack(stream.getvalue())


def make_element(tag: str, **values: str) -> Any:
    """An element such as ``w:bidi`` with attributes of the same namespace."""
    element = importlib.import_module("docx.oxml").OxmlElement(tag)
    for key, value in values.items():
        element.set(importlib.import_module("docx.oxml.ns").qn(f"w:{key}"), value)
    return element


def insert_in_order(parent: Any, element: Any, order: tuple[str, ...]) -> None:
    """Insert a child where the schema wants it: before all that stand behind it in `order`."""
    tag = f"w:{element.tag.partition('}')[2]}"
    parent.insert_element_before(element, *order[order.index(tag) + 1 :])


def _name(tags: str) -> tuple[str, ...]:
    return tuple(f"w:{tag}" for tag in tags.split())


PARAGRAPH_ORDER = _name(
    "suppressLineNumbers pBdr shd tabs suppressAutoHyphens kinsoku wordWrap overflowPunct topLinePunct autoSpaceDE "
    "autoSpaceDN bidi adjustRightInd snapToGrid spacing ind contextualSpacing mirrorIndents suppressOverlap jc "
    "textDirection textAlignment textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange"
)
"""The later children of w:pPr, in the order of ECMA-376, part 1, section 17.3.1.26."""

SECTION_ORDER = _name(
    "lnNumType pgNumType cols formProt vAlign noEndnote titlePg textDirection bidi rtlGutter docGrid printerSettings "
    "sectPrChange"
)
"""The later children of w:sectPr, in the order of ECMA-376, part 1, section 17.6.17."""
