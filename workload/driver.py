"""Replays a workload over persistent connections: the plan says what may be sent, this file sends and measures it.

A connection that dies is opened again until a deadline, and what was outstanding on it is sent again in order: the
server recognises repeats by (session, number), so nothing is done twice. For the same reason a replay that was stopped
can be run again under the same session and ends where it would have ended.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Final, TypedDict, Unpack

import msgspec
import uvloop
from msgspec import Struct

from core.errors import BUSY, ProtocolError
from core.ids import is_session
from workload.connection import Broken, Lane, Patience
from workload.layout import Workload, lay_out
from workload.measure import MALFORMED, Recorder, Result
from workload.parse import parse
from workload.plan import Plan, Unexpected

DEFAULT_CONNECTIONS: Final = 4
MAX_CONNECTIONS: Final = 10_000
_READ_BYTES: Final = 1024 * 1024
_TICK_S: Final = 0.2
_RETRY_PAUSE_S: Final = 0.05
_RETRY_PAUSE_MAX_S: Final = 1.0

Source = Path | str | Iterable[bytes] | Workload
"""A workload file, its bytes in chunks cut anywhere, or what `load` made of them."""


class Progress(Struct, frozen=True):
    """How far a replay is."""

    answered: int
    total: int
    seconds: float
    reconnects: int


class Options(TypedDict, total=False):
    """What may be said about a replay."""

    window: int
    """Outstanding lines per user, 1 unless told."""
    connections: int | None
    """Over how many connections the users are spread, at most one each; None for one each."""
    session: str | None
    """The session's name; a new one unless told."""
    on_progress: Callable[[Progress], None] | None
    """Called about five times a second and at the end."""
    keep_replies: bool
    """Keep every reply line in the result."""
    patience: Patience


class ReplayFailed(Exception):
    """The replay could not be finished; `result` tells what was acknowledged until then."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def replay_now(source: Source, address: tuple[str, int], **options: Unpack[Options]) -> Result:
    """`replay` on an event loop of its own, for programs that have none."""
    return uvloop.run(replay(source, address, **options))


async def replay(source: Source, address: tuple[str, int], **options: Unpack[Options]) -> Result:
    """Sends every line of a workload once and waits for every reply.

    Raises ReplayFailed when the system cannot be reached, is silent for too long or sends what is no reply to anything;
    ValueError for an option out of range; OSError for a file that cannot be read.
    """
    session = options.get("session") or secrets.token_hex(16)
    if not is_session(session):
        raise ValueError(f"{session!r} is no session name: 1-64 of A-Za-z0-9_.-")
    connections = options.get("connections", DEFAULT_CONNECTIONS)
    if connections is not None and not 1 <= connections <= MAX_CONNECTIONS:
        raise ValueError(f"connections must be 1 to {MAX_CONNECTIONS}")
    workload = source if isinstance(source, Workload) else load(source)
    lanes = max(1, min(connections or MAX_CONNECTIONS, len(workload.users)))
    return await _Replay(workload, address, session, lanes, options).run()


def load(source: Path | str | Iterable[bytes]) -> Workload:
    """A workload laid out for replaying, at about 50 bytes of memory a line. Raises OSError."""
    return lay_out(parse(_read(Path(source)) if isinstance(source, Path | str) else source))


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            yield chunk


class _Replay:
    """One run: the plan, its lanes and what they have in common."""

    def __init__(
        self, workload: Workload, address: tuple[str, int], session: str, lanes: int, options: Options
    ) -> None:
        self.plan = Plan(workload, options.get("window", 1), lanes)
        self.address = address
        self.session = session
        self.patience = options.get("patience") or Patience()
        self.reconnects = 0
        self.buffer = memoryview(bytearray(_READ_BYTES))
        self._workload = workload
        self._window = options.get("window", 1)
        self._on_progress = options.get("on_progress")
        self._replies: list[bytes] | None = [] if options.get("keep_replies") else None
        self._recorder = Recorder()
        self._dumps = _Dumps(workload)
        self._lanes = [Lane(self, index) for index in range(lanes)]
        self._finished = asyncio.Event()
        self._retry_timer: asyncio.TimerHandle | None = None
        self._retry_pause_s = _RETRY_PAUSE_S
        self._heard_ns = perf_counter_ns()

    async def run(self) -> Result:
        """Until everything is answered. Raises ReplayFailed."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(lane.run()) for lane in self._lanes if not self.plan.done]
                await self._watch()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as problems:
            broken, others = problems.split(Broken)
            if broken is None or others is not None:
                raise
            raise ReplayFailed(str(_first(broken)), self._result()) from None
        finally:
            if self._retry_timer is not None:
                self._retry_timer.cancel()
        return self._result()

    def connected(self) -> None:
        """A lane is about to send; the first time this is the start of the measurement."""
        if not self._recorder.start_ns:
            self._recorder.start(perf_counter_ns())

    def received(self, lane: int, replies: list[tuple[bytes, bytes]], lines: bytes) -> None:
        """Replies came on a lane. Raises ProtocolError when one of them answers nothing."""
        now_ns = perf_counter_ns()
        segment = self.plan.segment
        try:
            latencies_ns = self.plan.answered(lane, replies, now_ns)
        except Unexpected as error:
            raise ProtocolError(f"{error}: {_line_of(error.digits, lines)}") from error
        self._recorder.note(now_ns, latencies_ns, [code for _, code in replies])
        if latencies_ns:
            self._heard_ns = now_ns
        if self._replies is not None:
            self._replies.extend(lines.split(b"\n")[:-1])
        self._dumps.look(replies, lines)
        if self.plan.refused_users:
            self._retry_later(reset=bool(latencies_ns))
        if self.plan.done:
            self._finished.set()
        elif self.plan.segment != segment:
            for each in self._lanes:
                each.send()

    def _retry_later(self, reset: bool) -> None:
        if reset:
            self._retry_pause_s = _RETRY_PAUSE_S
        if self._retry_timer is None:
            self._retry_timer = asyncio.get_running_loop().call_later(self._retry_pause_s, self._retry)
            self._retry_pause_s = min(2 * self._retry_pause_s, _RETRY_PAUSE_MAX_S)

    def _retry(self) -> None:
        self._retry_timer = None
        for lane in self._lanes:
            lane.retry()
        if self.plan.refused_users:
            self._retry_later(reset=False)

    async def _watch(self) -> None:
        """Reports progress until everything is answered. Raises Broken when the system is silent for too long."""
        while not self.plan.done:
            self._report_progress()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._finished.wait()
            silence_s = (perf_counter_ns() - self._heard_ns) / 1e9
            if silence_s > self.patience.silence_s and not self.plan.done:
                raise Broken(f"no final reply for {self.patience.silence_s:g} s")
        self._report_progress()

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            start_ns = self._recorder.start_ns
            seconds = (perf_counter_ns() - start_ns) / 1e9 if start_ns else 0.0
            self._on_progress(Progress(self.plan.answered_count, self.plan.total, seconds, self.reconnects))

    def _result(self) -> Result:
        recorder, workload = self._recorder, self._workload
        errors = recorder.errors
        busy = errors.pop(BUSY, 0)
        if workload.malformed_count:
            errors[MALFORMED] = workload.malformed_count
        p50_ms, p99_ms, max_ms = recorder.percentiles_ms()
        interval_ms, series = recorder.series()
        return Result(
            commands=recorder.commands,
            seconds=round(recorder.seconds, 6),
            per_second=round(recorder.commands / recorder.seconds, 1) if recorder.seconds else 0.0,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            max_ms=max_ms,
            window=self._window,
            users=workload.user_count,
            errors=errors,
            quote_hits=None,
            quote_cost_usd=None,
            audit_log=self._dumps.path,
            session=self.session,
            connections=len(self._lanes),
            lines_to_send=self.plan.total,
            reconnects=self.reconnects,
            busy=busy,
            malformed=workload.malformed,
            interval_ms=interval_ms,
            series=series,
            replies=self._replies,
        )


class _Dumps:
    """Finds out where the file's DUMPLOG wrote to, in the reply to it."""

    def __init__(self, workload: Workload) -> None:
        self.path: str | None = None
        """Of the last full dump that succeeded; before any, of the last dump of a user."""
        self._is_full: dict[bytes, bool] = {b"%d" % number: full for number, full in workload.dumps.items()}
        self._found_full = False

    def look(self, replies: list[tuple[bytes, bytes]], lines: bytes) -> None:
        """Looks through replies, whose lines are given too. Cheap when no DUMPLOG is among them."""
        if not self._is_full or b'"path"' not in lines:
            return
        for (digits, code), line in zip(replies, lines.split(b"\n"), strict=False):
            is_full = self._is_full.get(digits)
            if is_full is None or code or (self._found_full and not is_full):
                continue
            with contextlib.suppress(msgspec.MsgspecError):
                self.path = _dumped.decode(line.partition(b" OK ")[2]).path
                self._found_full = is_full


class _Dumped(Struct):
    path: str


_dumped = msgspec.json.Decoder(_Dumped)


def _line_of(digits: bytes, lines: bytes) -> str:
    head = b"[" + digits + b"]"
    return repr(next((line for line in lines.split(b"\n") if line.startswith(head)), b"")[:200])[1:]


def _first(group: BaseExceptionGroup[Broken]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
