"""What the balancer reads of web servers: numbers of whole lines, and nothing that only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProtocolError
from loadbalancer.replies import highest_number, reply_numbers

NUMBERS = st.integers(0, 10**16 - 1)
BODIES = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b""))


@given(st.lists(st.tuples(NUMBERS, BODIES), min_size=1))
def test_every_line_gives_its_number_whatever_follows(lines: list[tuple[int, bytes]]) -> None:
    text = b"".join(b"[%d]%s\n" % line for line in lines)
    assert reply_numbers(text) == [number for number, _ in lines]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[1] OK {}", b"[1] OK {}\n[2] OK {}", b"[1] OK {}\n\n", b"\n[1] OK {}\n", b" [1] OK {}\n", b"1] OK {}\n",
        b"[] OK {}\n", b"[1 OK {}\n", b"[-1] OK {}\n", b"[12345678901234567] OK {}\n", b"[1] OK {}\nOK [2] {}\n",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="replies that are not whole lines"):
        reply_numbers(text)


@given(NUMBERS)
def test_a_highest_number(number: int) -> None:
    assert highest_number(b"%d" % number) == number


@pytest.mark.parametrize("text", [b"", b"-1", b"+1", b"1.0", b" 1", b"1\n", b"12345678901234567", b"\xb2"])
def test_a_highest_number_that_is_none(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="a highest number that is none"):
        highest_number(text)
