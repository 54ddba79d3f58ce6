"""The quick way and the careful way through a file give the same events; hostile and broken files are refused, never a crash."""

import gzip
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import inorder, scanner
from grader.check import check_log
from grader.events import Event, RawEvent
from grader.reader import BrokenXml, read
from grader.scanner import scan
from grader.schema import parse
from tests.unit.grader.golden import LOG
from tests.unit.grader.hand import command, hit, move

Seen = list[tuple[Event | None, tuple[str, ...]]]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


TEXT = (None, ("text between the events",))


def parsed(batches: Iterator[Sequence[Event | RawEvent]]) -> tuple[Seen, int | None]:
    """Events with their problems, and the line where the file breaks. The reason is left out, and text just before the place:
    expat says of both what it has seen, which depends on the size of the pieces."""
    seen: Seen = []
    try:
        for batch in batches:
            for item in batch:
                event, problems = (item, []) if isinstance(item, Event) else parse(item)
                seen.append((event, tuple(problems)))
    except BrokenXml as broken:
        return seen[:-1] if seen and seen[-1] == TEXT else seen, broken.line
    return seen, None


def careful(data: bytes, size: int = 1 << 20) -> tuple[Seen, int | None]:
    return parsed(read(pieces(data, size)))


def quick(data: bytes, size: int = 1 << 20) -> tuple[Seen, int | None]:
    return parsed(scan(pieces(data, size)))


def refuse(*_: object) -> None:
    raise AssertionError("the careful way was taken")


def test_plain_log_goes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "read", refuse)
    monkeypatch.setattr(inorder, "_EVENTS", re.compile(rb"(\Znever)|([\s\S]++)"))
    seen, broken = quick(LOG.encode())
    assert len(seen) == 41
    assert broken is None


def test_events_in_the_order_of_the_schema_go_the_quickest_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, and they are read as the careful way reads them."""
    expected = careful(LOG.encode())
    monkeypatch.setattr(scanner, "_EVENT", re.compile(rb"\Znever"))
    monkeypatch.setattr(scanner, "read", refuse)
    assert quick(LOG.encode()) == expected


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_pieces_of_any_size(size: int) -> None:
    assert quick(LOG.encode(), size) == careful(LOG.encode())
    assert careful(LOG.encode(), size) == careful(LOG.encode())


EVENT = command(1, 7, "BUY", "u", "ABC", "5.00")
WHOLE = (
    "", " ", "<log>", "<log/>", "<log></log>", "<log> </log> <!-- c -->", "<log></log><log></log>", "<log></log>x",
    "<Log></Log>", "\ufeff<log></log>", f"<log>{EVENT[:-5]}</log>", f"<log>{EVENT}</lo", f"<log>x{EVENT}</log>",
    f"<?xml version='1.0' encoding='ASCII'?>\n<log>\n{EVENT}\n</log>", f"<log a='1'>{EVENT}</log>",
    f"<?xml version='1.0' encoding='ASCII'?><log>{EVENT.replace('hand', 'höchst')}</log>",
    f"<?xml version='1.0' encoding='latin-1'?><log>{EVENT.replace('hand', 'höchst')}</log>",
    f"<log xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:noNamespaceSchemaLocation='l.xsd'>{EVENT}</log>",
    f"<log>\r\n{EVENT}\r\n{EVENT}\r\n</log>", f"<log>{EVENT}<!-- c -->{EVENT}</log>",
    "<log><x>" + "".join(f"<f{n}>1</f{n}>" for n in range(20)) + "</x></log>",
)  # fmt: skip
EDITS = (
    ("hand", "höchst"), ("hand", "\ufffe"), ("hand", "\x01"), ("hand", "a&lt;b"), ("hand", "a>b"), ("hand", "a]]>b"),
    ("hand", "a\nb"), ("<server>", "<server >"), ("hand", ""), ("<server>hand</server>", "<server/>"), ("server", "other"),
    ("</server>", "</servr>"), ("userCommand", "unknown"), ("<funds>", "<funds>1.00</funds><funds>"), ("5.00", "5"),
    ("1795", " 1795"), ("<transactionNum>7", "<transactionNum>007"), ("userCommand", "log"),
    ("userCommand", "systemEvent"), ("userCommand", "errorEvent"), ("userCommand", "debugEvent"),
    ("</userCommand", "</errorEvent"), ("userCommand", "quoteServer"), ("userCommand", "accountTransaction"),
    (">BUY<", ">BUYS<"), (">BUY<", ">buy<"), ("ABC", "abc"), ("ABC", "ABCD"),
    ("5.00", "-5.00"), ("5.00", "+5.00"), ("5.00", "5.0"), ("5.00", "005.00"), ("5.00", "9" * 19 + ".00"),
    ("hand", "h" * 65), ("hand", "a\x7fb"), ("hand", "a\tb"), (">7<", f">{'7' * 14}<"), (">7<", ">0<"),
    ("</funds>", "</funds><errorMessage>m</errorMessage>"), ("<command>BUY</command>", ""),
    ("<command>BUY</command><username>u</username>", "<username>u</username><command>BUY</command>"),
    ("<command>BUY</command>", "<action>add</action>"), ("<command>BUY</command>", "<command>BUY</command><action>add</action>"),
)  # fmt: skip
SAMPLES = [*WHOLE, *(f"<log>\n{EVENT}\n{EVENT.replace(*edit)}\n{EVENT}\n</log>" for edit in EDITS)]


@pytest.mark.parametrize("document", SAMPLES)
def test_odd_documents(document: str) -> None:
    data = document.encode("latin-1" if "latin-1" in document else "utf-8")
    assert quick(data) == careful(data)
    assert quick(data, 11) == careful(data)


def test_bytes_that_are_no_text() -> None:
    data = LOG.encode().replace(b"<server>t1</server>", b"<server>\xff\xfe</server>", 1)
    assert quick(data) == careful(data)
    assert careful(data)[1] is not None


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 3000))
def test_broken_at_random_places(seed: int, size: int) -> None:
    """Bytes changed, dropped and doubled: never an exception other than BrokenXml, and both ways agree."""
    rng = random.Random(seed)
    data = bytearray(LOG.encode())
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(data))
        change = rng.randrange(4)
        if change == 0:
            data[place] = rng.choice(b"<>&/ \n\x00\xff\"'[]-!?a0")
        elif change == 1:
            del data[place : place + rng.randrange(60)]
        elif change == 2:
            data[place:place] = data[place : place + rng.randrange(200)]
        else:
            data[place:place] = rng.choice(
                (b"<!-- -->", b"<![CDATA[x]]>", b"&amp;", b"&x;", b"<a>", b"</log>", b"\r\n")
            )
    assert quick(bytes(data), size) == careful(bytes(data))


BOMB = '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE log [<!ENTITY f SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "prolog", [BOMB, FILE, "<!DOCTYPE log>", '<!DOCTYPE log SYSTEM "http://127.0.0.1/x.dtd">']
)
def test_document_types_are_refused(prolog: str, tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    path.write_text(f"{prolog}<log>{EVENT.replace('hand', '&f;')}</log>")
    report = check_log(path)
    assert report.exit_code == 1
    assert "document type" in report.of("xml")[0].text


def test_deep_and_long_documents(tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    path.write_text("<log>" + "<a>" * 100_000)
    assert "nested" in check_log(path).of("xml")[0].text
    path.write_text(f"<log>{EVENT.replace('hand', 'x' * 1_000_000)}</log>")
    assert "characters" in check_log(path).of("schema")[0].text
    path.write_text("<log>" + " " * 3_000_000 + EVENT + "</log>")
    assert check_log(path).figures.commands == 1
    path.write_text(
        "<log><userCommand>" + "".join(f"<f{n}>1</f{n}>" for n in range(5_000)) + "</userCommand></log>"
    )
    assert check_log(path).exit_code == 1


def test_line_numbers(tmp_path: Path) -> None:
    """The line where the wrong event begins, also after a comment has sent the reader the careful way."""
    bad = move(0, 1, "add", "u", "1.5")
    text = "\n".join(["<?xml version='1.0'?>", "<log>", EVENT, bad, "<!-- -->", EVENT, "", bad, "</log>"])
    path = tmp_path / "log.xml"
    path.write_text(text)
    assert [one.line for one in check_log(path).of("schema")] == [4, 8]
    with gzip.open(path, "wt") as file:
        file.write(text)
    assert [one.line for one in check_log(path).of("schema")] == [4, 8]


def test_binary_garbage(tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    for data in (
        b"",
        b"\x00" * 100,
        b"\x1f\x8b",
        b"\x1f\x8bgarbage",
        b"PK\x03\x04",
        random.Random(1).randbytes(10_000),
    ):
        path.write_bytes(data)
        assert check_log(path).exit_code == 1


def test_values_of_any_shape_are_read(tmp_path: Path) -> None:
    """Shapes of fields in every order are learned, and forgotten again."""
    rng = random.Random(5)
    fields = (
        hit(5, 1, "u", "S", "1.00")
        .removeprefix("<quoteServer>")
        .removesuffix("</quoteServer>")
        .replace("><", ">\n<")
    )
    lines = []
    for _ in range(6_000):
        order = fields.split("\n")
        rng.shuffle(order)
        lines.append(f"<quoteServer>{''.join(order)}</quoteServer>")
    data = f"<log>{''.join(lines)}</log>".encode()
    assert quick(data) == careful(data)
