"""What two looks at the metrics say about the time between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.histogram import Histogram
from core.metrics import Reading, parse
from stack import pulse
from stack.pulse import Look, Row
from stack.usage import Usage


def shard(commands: int, batches: int, hits: int = 0, misses: int = 0, conflicts: int = 0) -> Reading:
    return parse(f"""
daytrade_shard_commands_total{{command="ADD",outcome="OK"}} {commands - 1}
daytrade_shard_commands_total{{command="BUY",outcome="BAD_SYMBOL"}} 1
daytrade_shard_batch_size_sum {commands}
daytrade_shard_batch_size_count {batches}
daytrade_shard_batch_seconds_bucket{{le="0.01"}} 0
daytrade_shard_batch_seconds_bucket{{le="0.02"}} {batches}
daytrade_shard_batch_seconds_bucket{{le="+Inf"}} {batches}
daytrade_shard_waiting{{place="queue"}} 3
daytrade_shard_waiting{{place="parked"}} 4
daytrade_quote_cache_hits_total {hits}
daytrade_quote_cache_misses_total {misses}
daytrade_quote_cost_usd_total 1.25
daytrade_shard_conflicts_total {conflicts}
""")


def between(before: Look, after: Look, name: str = "transaction-0") -> Row:
    [row] = pulse.rows({name: before}, {name: after})
    return row


def test_rates_sizes_and_shares_are_those_of_the_time_between() -> None:
    before = Look(10.0, shard(100, 10, 50, 50, 1), Usage(1.0, 1000))
    after = Look(12.0, shard(300, 30, 80, 60, 5), Usage(1.5, 2000), restarts=2)
    row = between(before, after)
    assert (row.name, row.restarts, row.up) == ("transaction-0", 2, True)
    assert row.per_second == 100
    assert row.batch == 10
    assert row.waiting == 7
    assert row.cache_hit_share == 0.75
    assert row.conflicts_per_second == 2
    assert row.cost_usd == 1.25
    assert row.cpu_cores == 0.25
    assert row.memory_bytes == 2000
    assert row.p50_s == pytest.approx(0.015)
    assert row.fires_per_second is None


def test_nothing_done_is_a_rate_of_nothing_and_no_latency() -> None:
    same = shard(100, 10)
    row = between(Look(0.0, same, None), Look(1.0, same, None))
    assert row.per_second == 0
    assert row.p50_s is row.p99_s is row.batch is row.cache_hit_share is None


def test_after_a_restart_nothing_is_said_of_what_began_anew() -> None:
    row = between(
        Look(0.0, shard(500, 50), Usage(9.0, 1)), Look(1.0, shard(20, 2), Usage(0.1, 1), restarts=1)
    )
    assert row.per_second is row.cpu_cores is row.batch is None
    assert row.waiting == 7


def test_who_does_not_answer_or_has_no_metrics_still_has_a_row() -> None:
    before = {"transaction-0": Look(0.0, shard(1, 1), None), "postgres": Look(0.0, None, Usage(1.0, 5))}
    after = {"transaction-0": Look(1.0, None, None, up=False), "postgres": Look(1.0, None, Usage(1.5, 6))}
    silent, postgres = pulse.rows(before, after)
    assert (silent.up, silent.per_second) == (False, None)
    assert (postgres.cpu_cores, postgres.memory_bytes) == (0.5, 6)
    [newcomer] = pulse.rows({}, {"transaction-0": Look(1.0, shard(1, 1), Usage(1.0, 1))})
    assert newcomer.per_second is newcomer.cpu_cores is None


@given(st.lists(st.floats(0, 12), min_size=1), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_observation_that_it_is(
    numbers: list[float], share: float
) -> None:
    bounds = (1.0, 2.0, 5.0, 10.0)
    counted = Histogram(bounds)
    for number in numbers:
        counted.observe(number)
    sums = [sum(counted.counts[: at + 1]) for at in range(len(counted.counts))]
    found = pulse.quantile(list(zip((*bounds, math.inf), map(float, sums), strict=True)), share)
    exact = sorted(numbers)[max(0, math.ceil(share * len(numbers) - 1e-9) - 1)]
    edges = (0.0, *bounds)
    low = max(edge for edge in edges if edge < exact or edge == 0.0)
    high = min((edge for edge in bounds if edge >= exact), default=10.0)
    assert found is not None
    assert low - 1e-9 <= found <= high + 1e-9


def test_of_nothing_there_is_no_quantile() -> None:
    assert pulse.quantile([], 0.5) is None
    assert pulse.quantile([(1.0, 0.0), (math.inf, 0.0)], 0.5) is None
