"""Named SQL queries: text in `db/queries/*.sql`, read once, never put together from pieces.

    -- name: newest_by_user
    -- What it answers and why it is written so.
    SELECT ...;

Lines that begin with `--` are for the reader and are not sent; neither is the closing semicolon.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, LiteralString

FOLDER: Final = Path(__file__).parent / "queries"

_PLACEHOLDER = re.compile(r"%\(([a-z_]+)\)s")
_NAME = re.compile(r"-- name: ([a-z][a-z0-9_]*)\s*\Z")


@cache
def load(name: str) -> Mapping[str, LiteralString]:
    """The queries of `db/queries/<name>.sql` by their names. Raises ValueError as `parse` does."""
    return MappingProxyType(parse((FOLDER / f"{name}.sql").read_text("utf-8")))


def parse(text: str) -> dict[str, LiteralString]:
    """The queries in a file's text. Raises ValueError for a name given twice, an empty query and SQL without a name."""
    lines: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if match := _NAME.match(line):
            if match[1] in lines:
                raise ValueError(f"query {match[1]} is defined twice")
            current = lines[match[1]] = []
        elif line.strip() and not line.lstrip().startswith("--"):
            if current is None:
                raise ValueError(f"SQL before the first name: {line.strip()}")
            current.append(line)
    queries = {name: "\n".join(body).rstrip().removesuffix(";") for name, body in lines.items()}
    if empty := [name for name, body in queries.items() if not body]:
        raise ValueError(f"query {empty[0]} is empty")
    return queries


def positional(query: str) -> tuple[bytes, tuple[str, ...]]:
    """The query with $1, $2, ... for its placeholders (`%(name)s`), and their names in that order, for psycopg's raw cursors.

    Placeholders are looked for each time that a query of over 4,096 bytes runs: 0.1 ms for a batch.
    """
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(query)))
    text = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", query)
    return text.replace("%%", "%").encode(), names
