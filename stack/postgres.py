"""An embedded PostgreSQL: made by initdb on first use, reached from this machine only, passwords for everybody, durable."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from stack import binaries, disguise, ports, secretfiles
from stack.errors import StackError
from stack.server import OwnServer

SUPERUSER: Final = "postgres"

SETTINGS: Final = {
    "listen_addresses": ports.LOOPBACK,
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    # Durable: an acknowledged command survives whatever dies. These are the defaults, said aloud.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # For two cores beside the tiers: the working set fits in shared_buffers, JIT never pays for statements this short.
    "shared_buffers": "256MB",
    "wal_buffers": "16MB",
    "jit": "off",
    # A crash is replayed from the last checkpoint, at about 250 MB of WAL a second and core, so this much is what fits into
    # a recovery of 5 s: 4GB took 16 s after 40 s of load, and commits per second were the same (40,000 to 45,000 rows/s).
    "max_wal_size": "512MB",
    "min_wal_size": "512MB",
    "checkpoint_timeout": "5min",
    # Before it replays anything, a crashed server flushes its data folder. File by file (the default) that is 1,200 times a
    # flush of the disk: 3.2 s of a recovery whose redo took 0.05 s. In one call (Linux only) it is a tenth of that.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

_MAX_SOCKET_PATH: Final = 107
"""What the kernel takes (sun_path). Where the folder's name is longer, there is no socket."""


class EmbeddedPostgres(OwnServer):
    """PostgreSQL in `directory`/data. Raises StackError where this machine cannot run it."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends the clients' transactions, writes everything down
    passing_troubles = ("is still in use", "could not bind", "lock file")

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._programs = binaries.postgres_bin()
        self._data = directory / "data"
        self._password_file = directory / "superuser.password"
        self._passfile = directory / "superuser.pgpass"
        self._socket = directory / "socket"
        self._disguise = disguise.find()

    @property
    def superuser_url(self) -> str:
        """libpq URL of the superuser in the database `postgres`, by TCP."""
        url = f"postgresql://{ports.LOOPBACK}:{self.port}/postgres"
        return secretfiles.with_role(url, SUPERUSER, self._passfile)

    @property
    def nearest_url(self) -> str:
        """The same by the Unix socket in a folder that only we may enter; a batch costs a tenth less CPU than by TCP."""
        return (
            f"{self.superuser_url}&host={quote(str(self._socket), safe='/')}"
            if self._has_socket
            else self.superuser_url
        )

    @property
    def _has_socket(self) -> bool:
        return len(os.fsencode(self._socket / ".s.PGSQL.12345.lock")) <= _MAX_SOCKET_PATH

    def argv(self, port: int) -> Sequence[str]:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
        return [
            *self._disguise.prefix,
            str(self._programs / "postgres"),
            "-D",
            str(self._data),
            f"--port={port}",
            f"--unix-socket-directories={self._socket if self._has_socket else ''}",
            *options,
        ]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def prepare(self) -> None:
        """initdb into another folder that is then renamed: an interrupted one is done again from the start."""
        shutil.rmtree(self._socket, ignore_errors=True)  # with the lock file of one that was killed
        self._socket.mkdir(mode=0o700, parents=True)
        self._disguise.give(self._socket)
        if (self._data / "PG_VERSION").exists():
            # Our own server of these data is dead by now. Its number may be another program's since, or a zombie's, and
            # would keep Postgres from starting; against a backend left behind, the shared memory it holds still guards.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._disguise.give(self._data)
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        secretfiles.write_passfile(self._passfile, SUPERUSER, secretfiles.password(self._password_file))
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._disguise.give(new)
        self._initdb(new)
        new.rename(self._data)

    def _initdb(self, folder: Path) -> None:
        with self._password_file.open("rb") as password:
            done = subprocess.run(
                [
                    *self._disguise.prefix, str(self._programs / "initdb"), f"--pgdata={folder}", f"--username={SUPERUSER}",
                    "--auth=scram-sha-256", "--pwfile=/dev/stdin", "--encoding=UTF8", "--locale=C.UTF-8",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
                ],
                stdin=password, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                cwd=self.directory,
            )  # fmt: skip
        if done.returncode != 0:
            raise StackError(f"initdb failed, look at what it says: {done.stdout.strip()}")
