"""How many streams there may be, and when they end."""

import psycopg
import pytest
from apiflask import APIFlask

from core.clock import SystemClock
from core.limits import MAX_STREAMS_PER_USER
from tests.conftest import Database
from tests.unit.webclient.visitors import Visitor, trader
from tests.unit.webclient.watching import Looking, names, read, watch
from webclient.problems import Problem
from webclient.stream import Line


def test_no_more_than_so_many_of_one_user(hub: Looking, app: APIFlask, alice: Visitor) -> None:
    streams = [watch(hub, alice) for _ in range(MAX_STREAMS_PER_USER)]
    with pytest.raises(Problem, match="RATE_LIMITED"):
        watch(hub, alice)
    watch(hub, trader(app, "bob"))
    streams[2].close()
    watch(hub, alice)
    with pytest.raises(Problem, match="RATE_LIMITED"):
        watch(hub, alice)


def test_no_more_than_so_many_at_all(hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webclient.hub.MAX_STREAMS", 2)
    first, _ = watch(hub, alice), watch(hub, alice)
    with pytest.raises(Problem, match="UNAVAILABLE"):
        watch(hub, alice)
    first.close()
    watch(hub, alice)


def test_streams_end_with_their_session(
    hub: Looking, app: APIFlask, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log-out, and a user who is disabled (which ends their sessions); others go on."""
    monkeypatch.setattr("webclient.hub.STREAM_CHECK_MS", 0)
    bob, carol = trader(app, "bob"), trader(app, "carol")
    of_alice, of_bob, of_carol = watch(hub, alice), watch(hub, bob), watch(hub, carol)
    hub.look()
    assert alice.ask("DELETE", "/api/session").status_code == 204
    with alice.parts.pool.connection() as one:
        one.execute("UPDATE login SET disabled = true WHERE username = 'carol'")
    hub.look()
    for ended in (of_alice, of_carol):
        assert names(read(ended)) == ["hello"]
        assert list(ended) == []
    assert not of_bob.is_gone()


def test_an_idle_session_is_not_renewed_by_its_stream(
    database: Database, hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser comes back at once when the stream ends: by then the session must have ended for everybody."""
    monkeypatch.setattr("webclient.hub.STREAM_CHECK_MS", 0)
    stream = watch(hub, alice)
    for minutes, ended in ((31, False), (33, True)):
        with psycopg.connect(database.admin_url) as connection:
            now = SystemClock().now_ms()
            connection.execute("UPDATE web_session SET seen_ms = %s", [now - minutes * 60_000])
        hub.look()
        assert stream.is_gone() is ended


def test_who_reads_too_slowly_is_hung_up_on(hub: Looking, alice: Visitor) -> None:
    class Counted(Line):
        hung_up = 0

        def hang_up(self) -> None:
            self.hung_up += 1

    line = Counted(None)
    stream = watch(hub, alice, line=line)
    hub.look()
    stream.tell([], b"x" * 100_000)
    assert not stream.is_gone()
    stream.tell([], b"x" * 100_000)
    assert stream.is_gone()
    assert line.hung_up == 1
    stream.close()
    assert hub._count == 0
