"""The index that finds events by their time is kept up to date."""

from db.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql(__file__)
