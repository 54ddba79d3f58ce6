"""The web API does what its OpenAPI document says: a short, seeded selection; the long form is tests/web/schema.py."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from stack.launcher import Stack
from tests.web.schema import VISITORS, Found, prepare, run, running

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


@pytest.fixture(scope="module")
def found(stack: Stack) -> dict[str, Found]:
    return {visitor: run(stack, visitor, _CASES, SEED, _PHASES[visitor]) for visitor in VISITORS}


@pytest.mark.parametrize("visitor", VISITORS)
def test_nothing_is_found(found: dict[str, Found], visitor: str) -> None:
    assert found[visitor].right, found[visitor].report
    assert found[visitor].cases >= _LEAST[visitor]


def test_every_operation_was_reached_and_none_broke(stack: Stack, found: dict[str, Found]) -> None:
    """Somebody got further than the guard everywhere, and nobody met a mistake of ours."""
    document: Any = requests.get(f"{stack.state.web}openapi.json", timeout=10).json()
    operations = [
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    ]
    for operation in operations:
        got = {status for each in found.values() for status in each.answers.get(operation, ())}
        assert got - {401, 403, 405}, f"{operation}: {got}"
        assert max(got) < 500, f"{operation}: {got}"
