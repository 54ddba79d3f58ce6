"""Passwords leave URLs and end in files that only their owner may read."""

import threading
from pathlib import Path
from urllib.parse import quote

import psycopg.conninfo
from hypothesis import given
from hypothesis import strategies as st

from stack import secretfiles

TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(TEXTS)
def test_the_password_leaves_the_url(password: str) -> None:
    url = f"postgresql://me:{quote(password, safe='')}@db.example:5432/x?sslmode=require"
    bare, found = secretfiles.split_password(url)
    assert found == password
    assert bare == "postgresql://me@db.example:5432/x?sslmode=require"
    assert secretfiles.split_password(bare) == (bare, None)


def test_another_role_and_database_on_the_same_server() -> None:
    url = secretfiles.with_database("postgresql://me@db:5432/x?sslmode=require&passfile=/mine", "a b")
    info = psycopg.conninfo.conninfo_to_dict(secretfiles.with_role(url, "you", Path("/your s")))
    assert info == {
        "host": "db", "port": "5432", "user": "you", "dbname": "a b", "sslmode": "require", "passfile": "/your s",
    }  # fmt: skip


def test_a_password_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "role.password"
    first = secretfiles.password(path)
    assert len(first) >= 24
    assert secretfiles.password(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_passfile_holds_any_password(tmp_path: Path) -> None:
    secretfiles.write_passfile(tmp_path / "p", "me", r"a:b\c")
    assert (tmp_path / "p").read_text() == "*:*:*:me:a\\:b\\\\c\n"


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path, texts = tmp_path / "state", ("a" * 100_000, "b" * 100_000)
    secretfiles.write(path, texts[0])
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(200):
        secretfiles.write(path, texts[turn % 2])
    done.set()
    reader.join()
    assert seen <= set(texts)
