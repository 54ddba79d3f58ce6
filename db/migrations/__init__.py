"""Alembic's folder: one revision is a small Python file and the plain SQL file of the same name beside it."""

from pathlib import Path
from typing import Final, cast

from alembic import op
from psycopg import Connection

FOLDER: Final = Path(__file__).parent


def run_sql(revision_file: str) -> None:
    """Executes the SQL file that stands beside a revision's Python file, in the migration's transaction."""
    text = Path(revision_file).with_suffix(".sql").read_text("utf-8")
    connection = cast("Connection[object]", op.get_bind().connection.driver_connection)
    connection.execute(text)
