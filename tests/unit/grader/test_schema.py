"""The streaming rules are those of logfile.xsd: both say the same of every sample, and of the course's kinds of mistakes."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from grader.check import check_log
from grader.events import RawEvent
from grader.reader import chunks, open_log, read
from grader.schema import parse
from tests.unit.grader.golden import LOG
from tests.unit.grader.hand import command, error, hit, move, system
from tests.unit.grader.market import Market

XSD = etree.XMLSchema(etree.parse(Path("grader/logfile.xsd")))
GOOD = (
    command(1, 1, "BUY", "u", "ABC", "-5.00"),
    command(1, 2, "DUMPLOG", file="testLOG"),
    hit(1, 1, "u", "S", "0.00"),
    move(1, 1, "remove", "u", "1.00"),
    system(1, 1, "CANCEL_BUY", "u"),
    error(1, 1, "ADD", "BAD_AMOUNT", "u"),
    error(1, 1, "ADD", "X").replace("errorEvent", "debugEvent").replace("errorMessage", "debugMessage"),
)
VALUES = (
    "", " ", "None", "0", "00", "1", "-1", "+1", " 1", "1 ", "1.0", "1.00", "-1.00", "--1.00", ".00", "1.", "1.000", "1e2",
    "1.00000000001", "NaN", "ABC", "abc", "ABCD", "A1", "ADD", "add", "remove", "Add", "BUY", "1795000000000", "1795000000",
    "17950000000000", "1795000000000.5", "9007199254740992", "99999999999999999", "é", "\n", "x\ny", "1.00\n", "٣",
    "123456789012345678.00", "1234567890123456789.00",
)  # fmt: skip
NAMES = ("timestamp", "server", "transactionNum", "command", "username", "stockSymbol", "filename", "funds", "price",
         "quoteServerTime", "cryptokey", "action", "errorMessage", "debugMessage", "other")  # fmt: skip


def streaming_problems(document: bytes, folder: Path) -> list[str]:
    path = folder / "sample.xml"
    path.write_bytes(document)
    with open_log(path) as file:
        raws: list[RawEvent] = [raw for batch in read(chunks(file)) for raw in batch]
    return [problem for raw in raws for problem in parse(raw)[1]]


def agree(document: str, folder: Path) -> bool:
    """Asserts that both judge alike; True when they find the document valid."""
    data = document.encode()
    by_xsd = XSD.validate(etree.fromstring(data))
    problems = streaming_problems(data, folder)
    assert by_xsd == (not problems), f"{document}\nxsd: {XSD.error_log}\nstreaming: {problems}"
    return by_xsd


@pytest.mark.parametrize("event", GOOD)
def test_good_events(event: str, tmp_path: Path) -> None:
    assert agree(f"<log>{event}</log>", tmp_path)


@pytest.mark.parametrize("event", GOOD)
def test_every_value_of_every_field(event: str, tmp_path: Path) -> None:
    tree = etree.fromstring(event)
    valid = 0
    for field in tree:
        right = field.text
        for value in VALUES:
            field.text = value
            valid += agree(f"<log>{etree.tostring(tree, encoding='unicode')}</log>", tmp_path)
        field.text = right
    assert 0 < valid < len(VALUES) * len(tree)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=st.sampled_from(GOOD), seed=st.integers(0, 2**32))
def test_fields_shuffled_dropped_doubled_and_added(event: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    tree = etree.fromstring(event)
    fields = list(tree)
    rng.shuffle(fields)
    if rng.random() < 0.5:
        fields.pop()
    if rng.random() < 0.3:
        fields.append(etree.fromstring(etree.tostring(rng.choice(fields))))
    if rng.random() < 0.3:
        extra = etree.Element(rng.choice(NAMES))
        extra.text = rng.choice(("1", "1.00", "ABC", "ADD"))
        fields.append(extra)
    tree[:] = fields
    agree(f"<log>{etree.tostring(tree, encoding='unicode')}</log>", tmp_path)


SHAPES = (
    "<log/>", "<log> \n </log>", "<log>text</log>", "<log><log/></log>", "<log><other/></log>", "<log a='1'/>",
    "<log><userCommand/></log>", "<log><userCommand>text</userCommand></log>",
)  # fmt: skip
EDITS = (
    ("<funds>", "<funds><b/>"),
    ("<funds>", '<funds x="1">'),
    ("<userCommand>", '<userCommand x="1">'),
    ("</userCommand>", "</userCommand>x"),
    ("</userCommand>", "x</userCommand>"),
    ("</server>", "<!-- c --></server><?p i?>"),
    ("hand", "<![CDATA[a<b]]>"),
    ("hand", "a&amp;b&#65;"),
)


@pytest.mark.parametrize("document", [*SHAPES, *(f"<log>{GOOD[0].replace(*edit)}</log>" for edit in EDITS)])
def test_shapes(document: str, tmp_path: Path) -> None:
    agree(document, tmp_path)


def test_simulated_and_golden_logs_are_valid(tmp_path: Path) -> None:
    assert agree(LOG[LOG.index("<log>") :], tmp_path)
    xml = Market(3, users=4, commands=300).xml().decode()
    assert agree(xml[xml.index("<log>") :], tmp_path)


def test_wrong_form_with_one_plain_meaning_is_one_violation(tmp_path: Path) -> None:
    """`12.5` is against the schema, and is 12.50: what follows from it is judged all the same."""
    path = tmp_path / "log.xml"
    events = (command(0, 1, "ADD", "u", funds="12.5"), move(0, 1, "add", "u", "12.50"))
    path.write_text(f"<log>{''.join(events)}</log>")
    report = check_log(path)
    assert report.counts == {"schema": 1}
    assert report.accounts["u"].cash_cents == 12_50


def test_value_without_a_plain_meaning_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    events = (
        command(0, 1, "ADD", "u", funds="12.50000001"), move(0, 1, "add", "u", "12.50"),
        command(1, 2, "BUY", "u", "S", "999.00"),
    )  # fmt: skip
    path.write_text(f"<log>{''.join(events)}</log>")
    report = check_log(path)
    assert report.counts == {"schema": 1}
    assert any("cannot be followed" in one.what for one in report.undecided)
