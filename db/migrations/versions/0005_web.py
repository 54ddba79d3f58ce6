"""The web client: log-ins, sessions, watch lists, and what its history and its events are found by."""

from db.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql(__file__)
