"""The baseline every rate is held against: pgbench's own transactions on the very Postgres that the system uses."""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

import psycopg

from stack import secretfiles
from stack.binaries import postgres_bin

_DATABASE: Final = "daytrade_pgbench"
_SCALE: Final = 10
_CLIENTS: Final = 32
COMMAND: Final = f"pgbench -N -M prepared -c {_CLIENTS}"
"""Simple updates without the contended branch row, prepared statements, 32 connections."""
LONE_COMMAND: Final = "pgbench -N -M prepared -c 1"
SECONDS: Final = 3


def rate(admin_url: str, seconds: int = SECONDS) -> float:
    """Transactions a second of COMMAND in a database of its own, of which nothing is left behind, no dirty page either."""
    url = _prepare(admin_url)
    output = _pgbench("-N", "-M", "prepared", "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds), url)
    _tidy_up(admin_url)
    match = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
    assert match is not None, output
    return float(match[1])


def lone_latency_ms(admin_url: str, seconds: int = SECONDS) -> float:
    """The median latency of LONE_COMMAND."""
    url = _prepare(admin_url)
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "log")
        _pgbench("-N", "-M", "prepared", "-c", "1", "-l", f"--log-prefix={prefix}", "-T", str(seconds), url)
        lines = [line for file in Path(folder).iterdir() for line in file.read_text().splitlines()]
    _tidy_up(admin_url)
    return median(int(line.split()[2]) for line in lines) / 1000


def _prepare(admin_url: str) -> str:
    """pgbench's tables in a database of their own; its URL."""
    _tidy_up(admin_url)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")
        url = secretfiles.with_database(admin_url, _DATABASE)
        _pgbench("-i", "-q", "-s", str(_SCALE), url)
        connection.execute("CHECKPOINT")
    return url


def _tidy_up(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        connection.execute("CHECKPOINT")


def _pgbench(*arguments: str) -> str:
    done = subprocess.run(
        [str(postgres_bin() / "pgbench"), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout
