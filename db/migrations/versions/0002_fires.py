"""Fires: how a trigger server finds what is armed, and the transaction that fires it."""

from db.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql(__file__)
