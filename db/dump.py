"""DUMPLOG: the audit log as an XML file (audit-log.md), written as a stream and there only when it is whole."""

import asyncio
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from psycopg import AsyncConnection, AsyncServerCursor, OperationalError
from psycopg.rows import scalar_row

from core import commands
from core.errors import Unavailable
from db import queries
from db.pool import Connection, Pool, connection

_QUERIES: Final = queries.load("audit")
_ROWS: Final = 1_000
"""Rows fetched and written at a time: a few hundred kilobytes."""
_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<log>\n'
_FOOT: Final = b"</log>\n"
_UNFINISHED: Final = ".part~"
"""How the name of a file that is being written ends: no log may have such a name (commands.md, Files)."""


async def dump(database: Pool | str, path: Path, username: str | None) -> int:
    """Writes the events of one user, or of all (None), to `path`; how many they are.

    `database` is a pool or a libpq URL. What was committed before the call is in the file. The file appears under its
    name whole and durable, or not at all; what a process that was killed left unfinished in that folder is removed. Raises
    Unavailable when the database is away or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_sweep, path.parent)
        with _unfinished(path) as file:
            async with _connection(database) as reader:
                events = await _write(reader, file, username)
            await asyncio.to_thread(_publish, file, path)
    except OSError as error:
        raise Unavailable(f"the log file cannot be written: {error}") from error
    return events


@contextmanager
def _unfinished(path: Path) -> Iterator[BinaryIO]:
    """A file to be published at `path`; removed when it was not."""
    with _create(path) as file:
        try:
            yield file
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _create(path: Path) -> BinaryIO:
    """A new file beside `path`, under a name of its own and locked: that ends when it is closed or the process dies."""
    while True:
        file = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_UNFINISHED}").open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # a sweep came between its creation and its lock


def _sweep(folder: Path) -> None:
    """Removes the unfinished files that nobody holds locked, and leaves those of other owners alone."""
    for leftover in folder.glob(f".*{_UNFINISHED}"):
        with suppress(BlockingIOError, FileNotFoundError, PermissionError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


@asynccontextmanager
async def _connection(database: Pool | str) -> AsyncIterator[Connection]:
    if not isinstance(database, str):
        async with connection(database) as one:
            yield one
        return
    try:
        async with await AsyncConnection.connect(database, autocommit=True) as one:
            yield one
    except OperationalError as error:
        raise Unavailable(f"database: {error}") from error


async def _write(reader: Connection, file: BinaryIO, username: str | None) -> int:
    """Writes the whole document; returns its number of elements below the root."""
    async with reader.transaction():
        await reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await reader.execute(_QUERIES["dump_session"])
        async with reader.cursor("dump", row_factory=scalar_row) as cursor:
            parameters = {"commands": list(commands.CODES), "username": username}
            await cursor.execute(_QUERIES["dump"], parameters, binary=True)
            file.write(_HEAD)
            events = await _stream(cursor, file)
            file.write(_FOOT)
    return events


async def _stream(cursor: AsyncServerCursor[str], file: BinaryIO) -> int:
    """Writes all rows; how many elements they hold.

    Each block is written by a thread while the database makes the next one: neither waits for the other, and when the disk is
    slow, this tier goes on with other work.
    """
    events = 0
    writing = asyncio.create_task(asyncio.to_thread(_append, file, []))
    try:
        while rows := await cursor.fetchmany(_ROWS):
            events += await asyncio.shield(writing)
            writing = asyncio.create_task(asyncio.to_thread(_append, file, rows))
        return events + await asyncio.shield(writing)
    finally:
        # Nobody may close the file under the thread that writes it.
        await asyncio.gather(writing, return_exceptions=True)


def _append(file: BinaryIO, rows: list[str]) -> int:
    """Every element is a line."""
    block = "".join(rows).encode()
    file.write(block)
    return block.count(b"\n")


def _publish(file: BinaryIO, path: Path) -> None:
    """Makes the file durable, gives it its name, makes the name durable."""
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
