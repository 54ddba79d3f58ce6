"""The baseline every rate is held against: pgbench's own transactions on the very Postgres that the system uses."""

import os
import re
import subprocess
from typing import Final

import psycopg

from stack import secretfiles
from stack.binaries import postgres_bin

_DATABASE: Final = "daytrade_pgbench"
_SCALE: Final = 10
_CLIENTS: Final = 32
COMMAND: Final = f"pgbench -N -M prepared -c {_CLIENTS}"
"""Simple updates without the contended branch row, prepared statements, 32 connections."""


def prepare(admin_url: str) -> str:
    """Makes pgbench's tables in a database of their own; returns its URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {_DATABASE}")
    url = secretfiles.with_database(admin_url, _DATABASE)
    _pgbench("-i", "-q", "-s", str(_SCALE), url)
    return url


def transactions_per_second(url: str, seconds: int) -> float:
    """One run of COMMAND."""
    output = _pgbench("-N", "-M", "prepared", "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds), url)
    match = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
    assert match is not None, output
    return float(match[1])


def _pgbench(*arguments: str) -> str:
    done = subprocess.run(
        [str(postgres_bin() / "pgbench"), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout
