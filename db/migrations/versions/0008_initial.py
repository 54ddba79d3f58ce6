"""Passwords that were given, not chosen, end soon."""

from db.migrations import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql(__file__)
