"""The web API does what its OpenAPI document says: a short, seeded selection; the long form is tests/web/schema.py."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from stack.launcher import Stack
from tests.web.schema import VISITORS, count_of, prepare, run, running, statuses

pytestmark = [pytest.mark.services, pytest.mark.slow]
SEED = 1
_CASES = 3
_PHASES = {"ann": "examples,coverage,fuzzing", "boss": "fuzzing"}
_LEAST = {"ann": 1_000, "boss": 100}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("logs")) as one:
        prepare(one)
        yield one


@pytest.mark.parametrize("visitor", VISITORS)
def test_nothing_is_found(stack: Stack, visitor: str) -> None:
    found = run(stack, visitor, _CASES, SEED, _PHASES[visitor])
    assert found.right, found.report
    assert count_of(found.report) >= _LEAST[visitor]


def test_every_operation_was_reached_and_none_broke(stack: Stack) -> None:
    """After both runs: somebody got further than the guard everywhere, and nobody met a mistake of ours."""
    document: Any = requests.get(f"{stack.state.web}openapi.json", timeout=10).json()
    seen = statuses(stack)
    for path, methods in document["paths"].items():
        for method in methods:
            got = seen.get(f"{method.upper()} {path}", Counter())
            assert set(got) - {401, 403, 405}, f"{method} {path}: {got}"
    assert [operation for operation, got in seen.items() if any(status >= 500 for status in got)] == []
