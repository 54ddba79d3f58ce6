"""kill -9 inside the commit: the statement that makes a batch durable is under way, and nobody will learn how it ended.

Two ways to be there. *Held*: an administrator's lock keeps a shard's statement in the middle until the shard, or the
server process that runs it, is dead. *Unflushed*: Postgres waits before each flush of its log (`commit_delay`), so that
at any moment commits are written and not yet durable; then all of Postgres dies.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from faults import kills, probe
from faults.arena import ANSWER_S, Arena
from faults.model import Step, Strike
from stack.process import wait_until

_HELD_S = 10.0
_UNFLUSHED_S = 10.0
_COMMIT_DELAY_US = 100_000

Connection = psycopg.Connection[tuple[Any, ...]]


def kill_shard(arena: Arena, step: Step) -> Strike:
    """The shard dies, its statement goes on and commits: rows of which no client knows. Their repeats must find them."""
    before = arena.part(step.target)
    assert before.process is not None
    with arena.admin() as admin:
        with _held(arena, step.target) as backend:
            waiting = arena.ledger.outstanding
            in_flight = kills.freeze(arena, {step.target: before.process})
            time_ms, start_s = kills.now_ms(), time.monotonic()
            kills.send_all([before.process.pid], signal.SIGKILL)
        wait_until(lambda: not _is_active(admin, backend), _HELD_S, 0.001)
        committed = _committed(admin, arena.session, waiting, step.target)
    probe.works(arena, step.target)
    back = wait_until(lambda: kills.is_back(arena, step.target, before.restarts), ANSWER_S)
    proof = (
        f"{committed} of {len(waiting)} requests outstanding were committed for a dead shard"
        if committed
        else ""
    )
    return Strike(
        step.fault, step.target, time_ms, proof if back else "", round((time.monotonic() - start_s) * 1000),
        kills.PYTHON_MS, ((step.target, before.process.pid),), in_flight,
    )  # fmt: skip


def kill_backend(arena: Arena, step: Step) -> Strike:
    """The server process dies in the statement: Postgres recovers without it, and the shard has to decide anew."""
    with _held(arena, step.target) as backend:
        waiting = arena.ledger.outstanding
        time_ms, start_s = kills.now_ms(), time.monotonic()
        kills.send_all([backend], signal.SIGKILL)
    probe.works(arena, "postgres")
    recovery_ms = round((time.monotonic() - start_s) * 1000)
    with arena.admin() as admin:
        gone = not _is_there(admin, backend)
    proof = f"process {backend} died in a statement of {step.target}, {len(waiting)} requests outstanding"
    return Strike(
        step.fault, step.target, time_ms, proof if gone and backend and waiting else "", recovery_ms,
        kills.POSTGRES_MS, (("postgres", backend),),
    )  # fmt: skip


def kill_unflushed(arena: Arena, step: Step) -> Strike:
    """All of Postgres dies while commits are in its log's buffer and not on the disk."""
    with arena.admin() as admin:
        _set_delay(admin, _COMMIT_DELAY_US)
        unflushed = 0
        end_s = time.monotonic() + _UNFLUSHED_S
        while not unflushed and time.monotonic() < end_s:
            unflushed = _unflushed(admin)
        strike = kills.kill(arena, Step(step.fault, "postgres", 0))
    with arena.admin() as admin:
        _set_delay(admin, 0)
    proof = f"{unflushed} bytes of commits were not on the disk; {strike.proof}"
    return Strike(
        strike.fault, "", strike.time_ms, proof if unflushed and strike.proof else "", strike.recovery_ms,
        strike.bound_ms, strike.killed, wrong=strike.wrong,
    )  # fmt: skip


@contextmanager
def _held(arena: Arena, shard: str) -> Iterator[int]:
    """While a lock keeps a statement of that shard in the middle: its server process (0: none came)."""
    with arena.admin() as holder, arena.admin() as looker:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE command IN SHARE MODE")
        backend = 0
        end_s = time.monotonic() + _HELD_S
        while not backend and time.monotonic() < end_s:
            backend = _waiting_backend(looker, shard)
        yield backend
        with suppress(psycopg.OperationalError):  # all connections may be dead by now
            holder.execute("ROLLBACK")


def _waiting_backend(admin: Connection, shard: str) -> int:
    row = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND state = 'active' AND wait_event_type = 'Lock'",
        (shard,),
    ).fetchone()
    return int(row[0]) if row else 0


def _is_active(admin: Connection, pid: int) -> bool:
    return _count(admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'", pid) > 0


def _is_there(admin: Connection, pid: int) -> bool:
    return _count(admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) > 0


def _committed(admin: Connection, session: str, numbers: list[int], server: str) -> int:
    return _count(
        admin,
        "SELECT count(*) FROM audit JOIN session USING (session_id) WHERE name = %s AND number = ANY (%s) AND server = %s"
        " AND kind = 1",
        session, numbers, server,
    )  # fmt: skip


def _unflushed(admin: Connection) -> int:
    """Bytes of the log that a commit waits for, while one waits."""
    return _count(
        admin,
        "SELECT (pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn())::bigint FROM pg_stat_activity"
        " WHERE application_name LIKE 'transaction-%%' AND state = 'active' LIMIT 1",
    )


def _count(admin: Connection, query: str, *values: object) -> int:
    row = admin.execute(query, values).fetchone()
    return int(row[0]) if row else 0


def _set_delay(admin: Connection, microseconds: int) -> None:
    admin.execute(f"ALTER SYSTEM SET commit_delay = {microseconds}")
    admin.execute("ALTER SYSTEM SET commit_siblings = 0")
    admin.execute("SELECT pg_reload_conf()")
