"""A result as a replay would give it, for the tests of reports."""

from workload.measure import Interval, Result
from workload.parse import Malformed
from workload.report import About

ABOUT = About(
    "daytrade replay <x>.txt --window 8", "a machine & more", "2026-11-21T00:00:00+00:00", "<x>.txt"
)

RESULT = Result(
    commands=1_000,
    seconds=0.035,
    per_second=28_571.4,
    p50_ms=1.25,
    p99_ms=20.5,
    max_ms=4_030.0,
    window=8,
    users=10,
    errors={"NOT_SET": 30, "EXPIRED": 70, "MALFORMED": 1},
    quote_hits=None,
    quote_cost_usd=None,
    audit_log="/logs/testLOG",
    session="S",
    connections=4,
    lines_to_send=1_000,
    reconnects=0,
    busy=0,
    malformed=[Malformed(7, "none of the 16 commands", "<script>")],
    interval_ms=10,
    series=[
        Interval(0.0, 600, 60_000.0, 1.25, 20.5, 30.0),
        Interval(0.01, 0, 0.0, None, None, None),
        Interval(0.02, 0, 0.0, None, None, None),
        Interval(0.03, 400, 80_000.0, 1.5, 19.5, 4_030.0),
    ],
    replies=[b"[1] OK {}"],
)
