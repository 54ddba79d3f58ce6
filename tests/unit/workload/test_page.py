"""The HTML page: well-formed, self-contained, escaped."""

import re

import msgspec
from lxml import etree

from tests.unit.workload.results import ABOUT, RESULT
from workload.measure import Result
from workload.page import page
from workload.report import About


def parsed(result: Result = RESULT, about: About = ABOUT) -> etree._Element:
    html = page(result, about)
    return etree.fromstring(html, etree.HTMLParser(recover=False, huge_tree=False))


def words(root: etree._Element) -> str:
    return " ".join(str(text).strip() for text in root.itertext() if text.strip())


def test_nothing_is_loaded_from_anywhere() -> None:
    html = page(RESULT, ABOUT)
    assert not re.search(r"https?:|//|src=|href=|url\(|@import|<script", html)


def test_what_it_shows() -> None:
    text = words(parsed())
    for each in (
        "28,571",
        "20.5 ms",
        "EXPIRED",
        "MALFORMED",
        "a machine & more",
        "daytrade replay <x>.txt",
        "<script>",
    ):
        assert each in text
    assert "Incomplete" not in text


def test_both_colour_schemes() -> None:
    assert "prefers-color-scheme: dark" in page(RESULT, ABOUT)


def test_an_incomplete_run_says_so_first() -> None:
    about = msgspec.structs.replace(ABOUT, failure="no connection")
    text = words(parsed(msgspec.structs.replace(RESULT, commands=900), about))
    assert text.index("Incomplete: no connection. 100 of 1,000") < text.index("28,571")


def test_a_run_without_anything() -> None:
    empty = msgspec.structs.replace(
        RESULT, commands=0, seconds=0.0, errors={}, malformed=[], series=[], audit_log=None
    )
    text = words(parsed(empty))
    assert "Nothing was refused" in text
    assert "the file asks for none" in text


def test_a_single_interval() -> None:
    assert "Throughput" in words(
        parsed(msgspec.structs.replace(RESULT, series=RESULT.series[:1], seconds=0.004))
    )
