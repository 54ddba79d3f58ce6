"""A shard as a process: messages over TCP, the real quote cache and the quote server's simulator behind it."""

import contextlib
import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from core import codec
from core.framing import FrameDecoder, encode_frame
from core.limits import MAX_FRAME_BYTES
from stack import ports
from tests.conftest import Cache, Database
from tests.unit.quotecache.market import Process, QuoteServer
from tests.unit.transaction.desk import request
from tests.unit.transaction.shard import assert_sound, code_of
from transaction.server import MAX_REPLIES_BYTES, in_frames


class ShardProcess(Process):
    """`python -m transaction`, ready."""

    def __init__(
        self, database: Database, cache: Cache, quotes: QuoteServer, log_dir: Path, **settings: object
    ) -> None:
        reserved = ports.reserve()
        reserved.release()
        self.address = ("127.0.0.1", reserved.port)
        environment = {
            "DAYTRADE_NAME": "transaction-0",
            "DAYTRADE_LISTEN": f"127.0.0.1:{reserved.port}",
            "DAYTRADE_DATABASE_URL": database.url("daytrade_transaction"),
            "DAYTRADE_REDIS_URL": cache.url,
            "DAYTRADE_REDIS_PASSWORD_FILE": str(cache.password_file or ""),
            "DAYTRADE_QUOTE_SERVER": f"{quotes.address[0]}:{quotes.address[1]}",
            "DAYTRADE_LOG_DIR": str(log_dir),
            "DAYTRADE_LOG_LEVEL": "error",
        }
        environment |= {f"DAYTRADE_{key.upper()}": str(value) for key, value in settings.items()}
        super().__init__(["-m", "transaction"], environment)
        deadline = time.monotonic() + 20
        while not ports.accepts(self.address):
            assert time.monotonic() < deadline, "the shard does not listen"
            time.sleep(0.02)

    def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self._child.wait(timeout=15)


class WebServer(contextlib.AbstractContextManager["WebServer"]):
    """One connection of a web server to the shard."""

    def __init__(self, shard: ShardProcess, session: str = "s") -> None:
        self._socket = socket.create_connection(shard.address, 10)
        self._decoder = FrameDecoder()
        self._session = session

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def send(self, frame: bytes) -> None:
        self._socket.sendall(frame)

    def tell(self, lines: dict[int, str]) -> None:
        """Lines by number, in order, in one frame."""
        items = [request(line, number, self._session) for number, line in lines.items()]
        self.send(codec.encode(codec.Requests(items)))

    def messages(self) -> Iterator[codec.Message]:
        """What comes back, until the shard closes the connection."""
        while data := self._socket.recv(1 << 18):
            for kind, payload in self._decoder.feed(data):
                assert kind == codec.SHARD_MESSAGE
                yield codec.decode(payload)

    def ask(self, lines: dict[int, str]) -> dict[int, str]:
        """Sends lines by number; their replies by number, in the order in which they came."""
        self.tell(lines)
        replies: dict[int, str] = {}
        for message in self.messages():
            assert isinstance(message, codec.Replies)
            for tag, line in message.items:
                number, _, reply = line.decode().rstrip("\n").partition(" ")
                assert number == f"[{tag}]"
                replies[tag] = reply
            if replies.keys() >= lines.keys():
                break
        return replies

    def highest(self) -> int:
        """The session's highest number."""
        self.send(codec.encode(codec.HighestQuery(7, self._session)))
        message = next(self.messages())
        assert isinstance(message, codec.HighestReply)
        assert message.tag == 7
        return message.number

    def closed(self) -> bool:
        """Whether the shard closes the connection."""
        return list(self.messages()) == []


@pytest.fixture
def quotes() -> Iterator[QuoteServer]:
    with QuoteServer("--delay=none", "--price=fixed:1000") as server:
        yield server


def query(database: Database, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(text).fetchall()


def numbered(*lines: str) -> dict[int, str]:
    return dict(enumerate(lines, 1))


def test_a_day_in_the_life(database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path) -> None:
    """Commands, quotes, a log; again over another connection; then killed, restarted and asked again."""
    lines = numbered(
        "ADD,ann,100.00", "QUOTE,ann,ABC", "BUY,ann,ABC,55.00", "COMMIT_BUY,ann", "SELL,ann,ABC,20.00",
        "SET_BUY_AMOUNT,ann,Q,5.00", "SHOUT,ann", "QUOTE,bob,XYZ", "BUY,bob,XYZ,5.00", "DISPLAY_SUMMARY,ann",
        "DUMPLOG,ann,./x/log", "COMMIT_SELL,ann",
    )  # fmt: skip
    with ShardProcess(database, redis_db, quotes, tmp_path / "logs") as shard:
        with WebServer(shard) as web:
            first = web.ask(lines)
            assert [code_of(first[number]) for number in lines] == [
                "OK", "OK", "OK", "OK", "OK", "OK", "UNKNOWN_COMMAND", "OK", "UNKNOWN_USER", "OK", "OK", "OK",
            ]  # fmt: skip
            of_ann = [number for number in first if number not in {8, 9}]
            assert of_ann == sorted(of_ann)
            assert '"cash":"65.00"' in first[12]
            assert json.loads(first[11][3:])["path"] == str(tmp_path / "logs" / "log")
            assert (tmp_path / "logs" / "log").read_bytes().startswith(b"<?xml")
            assert web.highest() == 12
        assert [hit["symbol"] for hit in hits(database)] == ["ABC", "XYZ"]
        assert quotes.counts()["hits"] == 2
        shard.signal(signal.SIGKILL)
    with ShardProcess(database, redis_db, quotes, tmp_path / "logs") as shard, WebServer(shard) as web:
        assert web.highest() == 12
        again = web.ask(lines)
        done_again = {10, 11}
        assert {n: again[n] for n in lines.keys() - done_again} == {
            n: first[n] for n in lines.keys() - done_again
        }
        assert code_of(web.ask({3: "BUY,ann,ABC,56.00"})[3]) == "REUSED_NUMBER"
        assert shard.stop() == 0
    assert quotes.counts()["hits"] == 2
    assert_sound(database)


def hits(database: Database) -> list[dict[str, Any]]:
    found = query(database, "SELECT symbol, username FROM audit WHERE kind = 2 ORDER BY symbol")
    return [{"symbol": symbol, "user": user} for symbol, user in found]


def test_a_broken_message_costs_its_connection_and_nothing_else(
    database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    broken = [
        encode_frame(3, b"not a message for a shard"),
        encode_frame(codec.SHARD_MESSAGE, b"\xc1"),
        encode_frame(codec.SHARD_MESSAGE, b""),
        encode_frame(codec.SHARD_MESSAGE, b"\x91" * 100_000),
        (MAX_FRAME_BYTES + 2).to_bytes(4, "big") + b"\x10",
        b"\0\0\0\0\0",
        codec.encode(codec.Replies([(1, b"[1] OK {}\n")])),
        *(encode_frame(codec.SHARD_MESSAGE, chance.randbytes(chance.randint(1, 60))) for _ in range(40)),
    ]
    with ShardProcess(database, redis_db, quotes, tmp_path) as shard, WebServer(shard) as steady:
        for number, frame in enumerate(broken, 1):
            with WebServer(shard) as web:
                web.send(frame)
                assert web.closed(), frame
            assert code_of(steady.ask({number: "ADD,ann,1.00"})[number]) == "OK"
        with WebServer(shard) as cut:
            cut.send(codec.encode(codec.HighestQuery(1, "s"))[:-2])
        assert steady.highest() == len(broken)
        assert shard.stop() == 0


def test_pendings_return_by_themselves(
    database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path
) -> None:
    """Within a second, also those of before a restart."""

    def reserved() -> int:
        return int(query(database, "SELECT reserved_cents FROM account")[0][0])

    def returned_within_a_second_of(began: float) -> None:
        while reserved():
            assert time.monotonic() < began + 2.5
            time.sleep(0.02)

    life = {"pending_life_ms": 1000}
    with ShardProcess(database, redis_db, quotes, tmp_path, **life) as shard, WebServer(shard) as web:
        web.ask(numbered("ADD,ann,100.00", "BUY,ann,ABC,55.00"))
        assert reserved() == 5000
        returned_within_a_second_of(time.monotonic())
        assert code_of(web.ask({3: "COMMIT_BUY,ann"})[3]) == "EXPIRED"
        web.ask({4: "BUY,ann,ABC,55.00"})
        shard.signal(signal.SIGKILL)
    with ShardProcess(database, redis_db, quotes, tmp_path, **life):
        returned_within_a_second_of(time.monotonic())
    assert query(database, "SELECT count(*) FROM audit WHERE kind = 3") == [(2,)]


def test_a_clean_stop_under_load(
    database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path
) -> None:
    """What was answered is durable, exit status 0; what was not is answered by the next process, and nothing is done twice."""
    lines = {number: f"ADD,user{number % 50},0.01" for number in range(1, 20_001)}
    with ShardProcess(database, redis_db, quotes, tmp_path) as shard, WebServer(shard) as web:
        web.tell(lines)
        answered = 0
        for message in web.messages():
            assert isinstance(message, codec.Replies)
            if not answered:
                shard.signal(signal.SIGTERM)
            answered += len(message.items)
        assert shard.ended() == 0
        assert 0 < answered <= len(lines)
        assert query(database, "SELECT count(*) FROM command")[0][0] >= answered
    with ShardProcess(database, redis_db, quotes, tmp_path) as shard, WebServer(shard) as web:
        replies = web.ask(lines)
        assert len(replies) == len(lines)
        assert shard.stop() == 0
    assert query(database, "SELECT sum(cash_cents), count(*) FROM account") == [(20_000, 50)]
    assert_sound(database)


def test_a_log_outlasts_a_short_outage(
    database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path
) -> None:
    blocked = tmp_path / "logs"
    blocked.write_text("a file where the folder should be")
    with ShardProcess(database, redis_db, quotes, blocked) as shard, WebServer(shard) as web:
        web.tell(numbered("ADD,ann,1.00", "DUMPLOG,ann,log", "ADD,ann,1.00", "ADD,bob,1.00"))
        assert list(web.ask({5: "ADD,bob,1.00"})) == [1, 4, 5]
        blocked.unlink()
        assert list(web.ask({6: "ADD,ann,1.00"})) == [2, 3, 6]
    assert (blocked / "log").exists()


def test_an_account_changed_by_the_trigger_server_is_read_again(
    database: Database, redis_db: Cache, quotes: QuoteServer, tmp_path: Path
) -> None:
    """It is told by a notice; nothing is written in between that would find out by itself."""
    with ShardProcess(database, redis_db, quotes, tmp_path) as shard, WebServer(shard) as web:
        web.ask(numbered("ADD,ann,1.00", "DISPLAY_SUMMARY,ann"))
        with psycopg.connect(database.admin_url) as connection:
            connection.execute("UPDATE account SET cash_cents = 777, version = version + 1")
            connection.execute("SELECT pg_notify('account_changed', 'ann 2,bob 9')")
        time.sleep(0.1)
        shown = web.ask({3: "DISPLAY_SUMMARY,ann"})[3]
        assert json.loads(shown[3:])["cash"] == "7.77"


def test_replies_fit_into_frames() -> None:
    small = [(number, b"[1] OK {}\n") for number in range(5)]
    assert list(in_frames(small)) == [small]
    large = [(number, b"x" * (MAX_REPLIES_BYTES // 2)) for number in range(5)]
    assert [len(part) for part in in_frames(large)] == [2, 2, 1]
    huge = [(0, b"x" * (MAX_REPLIES_BYTES * 2)), (1, b"y"), (2, b"x" * MAX_REPLIES_BYTES), (3, b"z")]
    assert [[tag for tag, _ in part] for part in in_frames(huge)] == [[0], [1], [2], [3]]
    assert all(len(codec.encode(codec.Replies(part))) < MAX_FRAME_BYTES for part in in_frames(huge))
