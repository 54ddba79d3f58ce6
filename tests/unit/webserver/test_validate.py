"""Validation, held against an oracle that was written from commands.md alone, and the cases that page names."""

import hashlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.codec import Request, Requests, decode, encode
from core.commands import ARGUMENTS
from core.errors import CODES, ProtocolError
from core.framing import FrameDecoder
from core.ids import shard_of
from core.limits import MAX_NUMBER
from webserver.validate import Validator, canonical_body

USER = r"[A-Za-z0-9_.-]{1,64}"
SYMBOL = r"[A-Za-z]{1,3}"
DECIMAL = r"-?[0-9]{1,15}(\.[0-9]{1,2})?"
FILE = r"[A-Za-z0-9_.-]{1,128}"
SIGNATURES = {
    "ADD": "UA", "QUOTE": "US", "BUY": "USA", "COMMIT_BUY": "U", "CANCEL_BUY": "U", "SELL": "USA", "COMMIT_SELL": "U",
    "CANCEL_SELL": "U", "SET_BUY_AMOUNT": "USA", "CANCEL_SET_BUY": "US", "SET_BUY_TRIGGER": "USA",
    "SET_SELL_AMOUNT": "USA", "SET_SELL_TRIGGER": "USA", "CANCEL_SET_SELL": "US", "DUMPLOG": "UF", "DISPLAY_SUMMARY": "U",
}  # fmt: skip


def whole(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def oracle(body: str) -> tuple[str, str, str, str, int | None, str]:
    """(code or "", command, user, symbol, cents, filename) of a request, by the words of commands.md."""
    body = re.sub(r"[ \t\r]+\Z", "", body)
    command, *words = body.split(",")
    first = words[0] if words and whole(USER, words[0]) else ""
    if command not in SIGNATURES:
        return (
            ("BAD_REQUEST" if re.match(r"SESSION\b", command) else "UNKNOWN_COMMAND"),
            "",
            first,
            "",
            None,
            "",
        )
    signature = "F" if command == "DUMPLOG" and len(words) == 1 else SIGNATURES[command]
    if len(words) != len(signature):
        return "BAD_REQUEST", command, first, "", None, ""
    code, user, symbol, cents, filename = "", "", "", None, ""
    for kind, word in zip(signature, words, strict=True):
        wrong = ""
        if kind == "U":
            user, wrong = (word, "") if whole(USER, word) else ("", "BAD_USER")
        elif kind == "S":
            symbol, wrong = (word.upper(), "") if whole(SYMBOL, word) else ("", "BAD_SYMBOL")
        elif kind == "A":
            if whole(DECIMAL, word):
                units, _, rest = word.lstrip("-").partition(".")
                cents = (int(units) * 100 + int((rest + "00")[:2])) * (-1 if word[0] == "-" else 1)
            wrong = "" if cents is not None and 0 < cents <= 10**13 else "BAD_AMOUNT"
        else:
            last = word.split("/")[-1]
            good = whole(FILE, last) and last not in (".", "..")
            filename, wrong = (last, "") if good else ("", "BAD_FILENAME")
        code = code or wrong
    return code, command, user, symbol, cents, filename


def read(body: bytes, validator: Validator | None = None) -> Request:
    """The request that a line with this body becomes."""
    batches: list[list[Request]] = [[], [], []]
    (validator or Validator(3)).read("s", b"[7] " + body + b"\n", 5, batches)
    [request] = [request for batch in batches for request in batch]
    return request


def answers(request: Request) -> tuple[str, str, str, str, int | None, str]:
    code = request.refusal.partition(": ")[0]
    return code, request.command, request.user, request.symbol, request.cents, request.filename


words = (
    st.sampled_from(
        [
            "",
            "u",
            "user-1",
            "a" * 64,
            "a" * 65,
            "ABC",
            "abc",
            "S",
            "ABCD",
            "A1",
            "1",
            "1.5",
            "0",
            "-1.00",
            "0.00",
        ]
    )
    | st.sampled_from(
        ["100000000000.00", "100000000000.01", "999999999999999.99", "1234567890123456", "1.234", ".5", "1."]
    )
    | st.sampled_from(
        ["./testLOG", "..", ".", "/", "a/b.xml", "x" * 128, "x" * 129, "a b", "ä", "\0", "u ", " u", "\\"]
    )
    | st.text(alphabet=st.characters(max_codepoint=255, exclude_characters=",\n"), max_size=6)
)
bodies = st.builds(
    lambda command, words, blanks: ",".join([command, *words]) + blanks,
    st.sampled_from([*SIGNATURES, "add", "BUYS", "", "SESSION", "SESSION x", "SESSIONS", "ADD "]) | words,
    st.lists(words, max_size=4),
    st.sampled_from(["", " ", "\r", " \t\r"]),
)  # fmt: skip


@given(bodies)
@example("ADD,u,-0")
def test_a_line_means_what_commands_md_says(body: str) -> None:
    validator = Validator(3)
    first = read(body.encode("latin-1"), validator)
    assert answers(first) == oracle(body)
    assert read(body.encode("latin-1"), validator) == first, "known words mean the same"
    assert (first.tag, first.session, first.number) == (5, "s", 7)


@given(st.lists(bodies, max_size=12))
def test_what_was_read_before_changes_nothing(several: list[str]) -> None:
    validator = Validator(3, remembered=3)
    for body in several:
        assert read(body.encode("latin-1"), validator) == read(body.encode("latin-1"))


@given(bodies)
def test_every_request_fits_the_wire_and_its_refusal_is_plain(body: str) -> None:
    request = read(body.encode("latin-1"))
    [(_, payload)] = FrameDecoder().feed(encode(Requests([request])))
    assert decode(payload) == Requests([request])
    if request.refusal:
        code, separator, text = request.refusal.partition(": ")
        assert code in CODES
        assert separator
        assert re.fullmatch(r"[ -~]+", text)
        assert len(request.refusal) <= 200


def test_the_sixteen_commands_take_what_the_specification_says() -> None:
    letters = {"user": "U", "symbol": "S", "amount": "A", "filename": "F"}
    assert {name: "".join(letters[k] for k in kinds) for name, kinds in ARGUMENTS.items()} == SIGNATURES


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"ADD,u,63511.53 ", ("", "ADD", "u", "", 6351153, "")),
        (b"QUOTE,u,s\r", ("", "QUOTE", "u", "S", None, "")),
        (b"BUY,u,aBc,000.01", ("", "BUY", "u", "ABC", 1, "")),
        (b"DUMPLOG,./testLOG", ("", "DUMPLOG", "", "", None, "testLOG")),
        (b"DUMPLOG,u,/x/y", ("", "DUMPLOG", "u", "", None, "y")),
        (b"DUMPLOG,u,..", ("BAD_FILENAME", "DUMPLOG", "u", "", None, "")),
        (b"DUMPLOG", ("BAD_REQUEST", "DUMPLOG", "", "", None, "")),
        (b"DUMPLOG,u,f,g", ("BAD_REQUEST", "DUMPLOG", "u", "", None, "")),
        (b"BUY,u,S", ("BAD_REQUEST", "BUY", "u", "", None, "")),
        (b"BUY,b@d,S", ("BAD_REQUEST", "BUY", "", "", None, "")),
        (b"BUY,b@d,TOOLONG,-1", ("BAD_USER", "BUY", "", "", -100, "")),
        (b"BUY,u,TOOLONG,-1", ("BAD_SYMBOL", "BUY", "u", "", -100, "")),
        (b"BUY,u,s,-1", ("BAD_AMOUNT", "BUY", "u", "S", -100, "")),
        (b"BUY,u,s,1e3", ("BAD_AMOUNT", "BUY", "u", "S", None, "")),
        (b"COMMIT_BUY,", ("BAD_USER", "COMMIT_BUY", "", "", None, "")),
        (b"COMMIT_BUY", ("BAD_REQUEST", "COMMIT_BUY", "", "", None, "")),
        (b"FOO,u,1", ("UNKNOWN_COMMAND", "", "u", "", None, "")),
        (b"", ("UNKNOWN_COMMAND", "", "", "", None, "")),
        (b"SESSION x", ("BAD_REQUEST", "", "", "", None, "")),
    ],
)
def test_examples(body: bytes, expected: tuple[str, str, str, str, int | None, str]) -> None:
    assert answers(read(body)) == expected
    assert oracle(body.decode()) == expected


GOOD = {
    "ADD": "u,1", "QUOTE": "u,abc", "BUY": "u,abc,1.50", "COMMIT_BUY": "u", "CANCEL_BUY": "u", "SELL": "u,abc,0.01",
    "COMMIT_SELL": "u", "CANCEL_SELL": "u", "SET_BUY_AMOUNT": "u,abc,2.00", "CANCEL_SET_BUY": "u,abc",
    "SET_BUY_TRIGGER": "u,abc,3.00", "SET_SELL_AMOUNT": "u,abc,100000000000.00", "SET_SELL_TRIGGER": "u,abc,4.00",
    "CANCEL_SET_SELL": "u,abc", "DISPLAY_SUMMARY": "u",
}  # fmt: skip


class InAHurry(Validator):
    """Knows the words of GOOD and has no time for anything else."""

    def __init__(self) -> None:
        super().__init__(2)
        super().examine("s", "[1] QUOTE,u,abc", 1)

    def examine(self, session: str, line: str, tag: int) -> tuple[int, Request]:
        raise AssertionError(f"{line!r} has only known words")


@pytest.mark.parametrize("number", ["[1] ", f"[{MAX_NUMBER}]", "[0010]   "])
@pytest.mark.parametrize("ending", ["", " ", " \t\r"])
def test_known_words_are_not_examined_again(number: str, ending: str) -> None:
    """What makes the web server fast; and the request is the same."""
    for command, words in GOOD.items():
        line = f"{number}{command},{words}{ending}"
        hurried: list[list[Request]] = [[], []]
        assert InAHurry().read("s", line.encode() + b"\n", 5, hurried) == 6
        shard, request = Validator(2).examine("s", line, 5)
        assert hurried[shard] == [request]
        assert (request.refusal, request.body) == ("", f"{command},{words}")
    assert GOOD.keys() == ARGUMENTS.keys() - {"DUMPLOG"}


@pytest.mark.parametrize(
    "body",
    [
        "ADD,u,-1.00", "ADD,u,0", "ADD,u,100000000000.01", "ADD,u,1e3", "ADD,u,1.00\x0b", "ADD,u,1.00\xa0", "ADD,u,1 ,",
        "ADD,u", "ADD,abc,1", "ADD,u,1,1", "BUY,u,abc,-0.01", "BUY,u,ABC,1", "BUY,abc,u,1", "BUY,u,abc", "BUYS,u,abc,1",
        "QUOTE,u,abc,1", "QUOTE,u,ABC", "QUOTE,u,", "COMMIT_BUY,u,", "COMMIT_BUY,", "DUMPLOG,u,abc", "DUMPLOG,u", "u,u,u", "]",
    ],
)  # fmt: skip
def test_what_is_wrong_is_seen_among_known_words_too(body: str) -> None:
    validator = Validator(3)
    validator.examine("s", "[1] QUOTE,u,abc", 1)
    for _ in range(2):
        assert read(body.encode("latin-1"), validator) == read(body.encode("latin-1"))
    assert answers(read(body.encode("latin-1"), validator)) == oracle(body)


@pytest.mark.parametrize(
    "start", ["", "[0] ", f"[{MAX_NUMBER + 1}] ", "[] ", "[-1] ", "7[1] ", "x] ", "[1", "(1] ", "[1 ] "]
)
def test_a_broken_number_is_seen_before_known_words_too(start: str) -> None:
    validator = Validator(1)
    validator.examine("s", "[1] QUOTE,u,abc", 1)
    with pytest.raises(ProtocolError):
        validator.read("s", f"{start}QUOTE,u,abc\n".encode(), 1, [[]])


def test_only_so_many_words_are_remembered() -> None:
    validator = Validator(1, remembered=2)
    seen: list[list[Request]] = [[]]
    for user in ("a", "b", "c", "d", "a", "b"):
        validator.read("s", f"[1] COMMIT_BUY,{user}\n".encode(), 1, seen)
        assert len(validator._shard_of_user) <= 2
    assert [request.user for request in seen[0]] == ["a", "b", "c", "d", "a", "b"]


def test_a_chunk_is_spread_over_shards_in_order() -> None:
    batches: list[list[Request]] = [[], []]
    lines = [b"[%d] ADD,u%d,1" % (n, n % 7) for n in range(1, 200)]
    assert Validator(2).read("s", b"\n".join(lines) + b"\n", 1000, batches) == 1199
    for shard, batch in enumerate(batches):
        assert batch
        assert [request.tag for request in batch] == sorted(request.tag for request in batch)
        assert all(shard_of(request.user, 2) == shard for request in batch)
        assert all(request.tag - 1000 == request.number - 1 for request in batch)
    assert len(batches[0]) + len(batches[1]) == 199


def test_a_line_without_a_user_goes_where_nobody_does() -> None:
    assert shard_of("", 97) != shard_of("XXXX", 97)
    assert Validator(97).examine("s", "[1] DUMPLOG", 1)[0] == shard_of("", 97)
    assert Validator(97).examine("s", "[1] ADD,,1", 1)[0] == shard_of("", 97)


def test_a_bad_user_goes_where_the_raw_field_says() -> None:
    batches: list[list[Request]] = [[], []]
    Validator(2).read("s", b"[1] ADD,b\xe4d,1\n[2] ADD,b\xe4d,2\n", 1, batches)
    assert sorted(map(len, batches)) == [0, 2]


@pytest.mark.parametrize("number", [b"1", b"007", b"%d" % MAX_NUMBER, b"0" * 40 + b"5"])
def test_numbers(number: bytes) -> None:
    batches: list[list[Request]] = [[]]
    Validator(1).read("s", b"[%b] ADD,u,1\n[%b]ADD,u,1\n" % (number, number), 1, batches)
    assert [request.number for request in batches[0]] == [int(number)] * 2


@pytest.mark.parametrize(
    "text",
    [
        b"ADD,u,1\n",
        b"[1] ADD,u,1",
        b"[0] ADD,u,1\n",
        b"[%d] A\n" % (MAX_NUMBER + 1),
        b"\n",
        b"[\xb2] ADD,u,1\n",
        b"x[1] ADD,u,1\n",
    ],
)
def test_a_balancer_that_breaks_the_protocol(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        Validator(1).read("s", text, 1, [[]])


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=250))
def test_bodies_are_plain_or_a_digest(text: str) -> None:
    body = canonical_body(text)
    if len(text) <= 200 and all(" " <= c <= "~" and c != "\\" for c in text):
        assert body == text
    else:
        assert body == "#" + hashlib.sha256(text.encode("latin-1")).hexdigest()
