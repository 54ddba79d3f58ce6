"""Inputs for the fuzzer: good ones of every kind, and what chance makes of them. The same seed gives the same inputs."""

from random import Random

from core import codec
from core.codec import HighestQuery, HighestReply, Replies, Request, Requests
from core.commands import ARGUMENTS

_REQUEST = Request(1, "s", 7, "BUY", "joe", "ABC", 100, "", "", "BUY,joe,ABC,1.00")
_LINES = [f"[{number}] {command},joe,ABC,12.34".encode() for number, command in enumerate(ARGUMENTS, start=1)]
SEEDS = (
    *_LINES,
    b"\n".join(_LINES) + b"\n",
    b"SESSION abc\n[1] ADD,joe,1.00\nADD,joe,2\nQUOTE,joe,S\n",
    b"ADD,joe,1.00 \r\n\r\n[9007199254740992] DUMPLOG,./testLOG",
    b"DUMPLOG,joe,a/b/../testLOG",
    b"-73280.58",
    b"10000000000000.00",
    b"joe",
    b"ABC",
    b"12.34,ABC,joe,1700000000000,IRrR7UeTO35kSWUgG0QJKmB35sL27FKM7AVhP5qpjCgmWQeXFJs35g==",
    codec.encode(Requests([_REQUEST, _REQUEST])),
    codec.encode(Replies([(1, b"[7] OK {}\n")]))[5:],
    codec.encode(HighestQuery(3, "s"))[5:],
    codec.encode(HighestReply(3, 2**53))[5:],
    codec.encode(Requests([_REQUEST]))[5:],
)
_TOKENS = (
    b"\x00", b"\n", b"\r\n", b",", b"[", b"]", b" ", b".", b"-", b"\xff", b"\xc3\xa9", b"\x1f", b"\\", b"'", b"<", b"&",
    b"9" * 30, b"0", b"SESSION ", b"[0] ", b"[1] ", b"A" * 100, b"\x80" * 3, b"\x93\x01\x90", b"\xdf\xff\xff\xff\xff",
)  # fmt: skip
_MAX_STEPS = 6
_MAX_BYTES = 20_000


def inputs(seed: int, count: int) -> "list[bytes]":
    """`count` mutated inputs."""
    random = Random(seed)
    return [mutated(random) for _ in range(count)]


def mutated(random: Random) -> bytes:
    """A good input after a few random steps."""
    data = random.choice(SEEDS)
    for _ in range(random.randrange(_MAX_STEPS + 1)):
        data = _step(data, random)
    return data[:_MAX_BYTES]


def _step(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((1, 1, 2, 8, 64)))
    match random.randrange(7):
        case 0:
            return data[:start] + random.choice(_TOKENS) + data[start:]
        case 1:
            return data[:start] + random.randbytes(end - start) + data[end:]
        case 2:
            return data[:start] + data[end:]
        case 3:
            return data[:start] + data[start:end] * random.choice((2, 3, 200)) + data[end:]
        case 4:
            return data[:start] + random.choice(SEEDS) + data[end:]
        case 5:
            return data[:start]
        case _:
            return (
                data[:start]
                + bytes([(byte + random.choice((1, 255, 128))) % 256 for byte in data[start:end]])
                + data[end:]
            )
