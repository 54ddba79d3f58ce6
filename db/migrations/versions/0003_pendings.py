"""Pendings as text, and account rows that stay whole."""

from db.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql(__file__)
