"""Generated workloads: reproducible, in the course's format, with the course's mix."""

import hashlib
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.commands import ARGUMENTS
from core.money import is_amount, parse_decimal
from tests.unit.workload.files import course_file
from workload.generate import _AFTER, _NEXT, _OTHERWISE, generate
from workload.parse import Item, parse

LINE = re.compile(rb"\[([0-9]+)\] ([A-Z_]+)((?:,[A-Za-z0-9.]+)+) \Z")


def text(users: int, commands: int, seed: int, symbols: int | None = None) -> bytes:
    return b"".join(generate(users, commands, seed, symbols))


def test_the_same_seed_gives_the_same_file_everywhere() -> None:
    digest = hashlib.sha256(text(100, 20_000, 1)).hexdigest()
    assert digest == "21d744150b4867a6e826beadf11144d075a3515384ae458fc3f4ada4d529e9f0"
    assert text(3, 50, 1) != text(3, 50, 2)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 300), st.integers(), st.one_of(st.none(), st.integers(1, 200)))
def test_format(users: int, more: int, seed: int, symbols: int | None) -> None:
    lines = text(users, users + more, seed, symbols).split(b"\n")
    assert lines.pop() == b""
    assert lines.pop() == b"[%d] DUMPLOG,./testLOG" % (users + more)
    seen: set[bytes] = set()
    for number, line in enumerate(lines, start=1):
        match = LINE.match(line)
        assert match is not None, line
        assert int(match[1]) == number
        command, arguments = match[2].decode(), match[3][1:].split(b",")
        assert len(arguments) == len(ARGUMENTS[command])
        assert len(arguments[0]) == 10
        assert arguments[0] in seen or command == "ADD"
        seen.add(arguments[0])
        for kind, argument in zip(ARGUMENTS[command], arguments, strict=True):
            if kind == "amount":
                assert is_amount(parse_decimal(argument.decode()) or 0)
    assert len(seen) == users


@pytest.mark.parametrize(
    ("users", "commands", "symbols"), [(0, 10, 1), (5, 5, 1), (1, 10, 0), (1, 10, 26**3 + 1)]
)
def test_impossible_wishes(users: int, commands: int, symbols: int) -> None:
    with pytest.raises(ValueError, match="at least 1 user"):
        generate(users, commands, 1, symbols)


def test_chances_are_whole_percent() -> None:
    for row in (_OTHERWISE, *_AFTER.values()):
        assert sum(row) == 100
        assert len(row) == len(_NEXT)


def shares(data: bytes) -> dict[str, float]:
    counts = Counter(item.command for item in parse([data]) if isinstance(item, Item))
    return {command: count / counts.total() for command, count in counts.items()}


def test_the_mix_is_that_of_the_course_file() -> None:
    course = shares(course_file("user100").read_bytes())
    ours = shares(text(100, 100_000, 3))
    assert ours.keys() == course.keys()
    assert all(abs(ours[command] - course[command]) < 0.006 for command in course)


def test_order_in_which_commands_make_sense() -> None:
    """A trigger right after an amount names the same stock; most stocks sold were bought."""
    last: dict[bytes, list[bytes]] = {}
    bought: defaultdict[bytes, set[bytes]] = defaultdict(set)
    sold = owned = 0
    for line in text(20, 20_000, 4).split(b"\n")[:-2]:
        fields = line.split()[1].split(b",")
        user = fields[1]
        if fields[0] == b"BUY":
            bought[user].add(fields[2])
        if fields[0] == b"SELL":
            sold += 1
            owned += fields[2] in bought[user]
        before = last.get(user, [b""])
        if before[0] == b"SET_BUY_AMOUNT" and fields[0] == b"SET_BUY_TRIGGER":
            assert fields[2] == before[2]
            assert float(fields[3]) <= float(before[3])
        last[user] = fields
    assert owned > 0.9 * sold
