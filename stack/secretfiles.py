"""Secrets lie in files that only their owner may read, never in a URL, an environment variable or a log."""

import os
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit


def write(path: Path, text: str) -> None:
    """Writes a 0600 file whole: whoever looks sees the old text or the new one."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def password(path: Path) -> str:
    """The password in that file; a new random one is put there first when there is no file."""
    if not path.exists():
        write(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text("utf-8").strip()


def write_passfile(path: Path, role: str, role_password: str) -> None:
    """A libpq password file: this role, on whatever host, port and database the URL names."""
    escaped = role_password.replace("\\", "\\\\").replace(":", "\\:")
    write(path, f"*:*:*:{role}:{escaped}\n")


def split_password(url: str) -> tuple[str, str | None]:
    """(the URL without the password in it, that password)."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{host}" if name else host)), unquote(parts.password)


def with_database(url: str, database: str) -> str:
    """The same URL, for another database of that server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


def with_role(url: str, role: str, passfile: Path) -> str:
    """The same URL, for another role, whose password is in that file."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in {"user", "password", "passfile"}]
    host = parts.netloc.rpartition("@")[2]
    options = urlencode([*query, ("passfile", str(passfile))], safe="/", quote_via=quote)
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}@{host}", query=options))
