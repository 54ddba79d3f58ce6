"""What the shares of a holding cost, and the shares that a fire or an expiry moved."""

from db.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql(__file__)
