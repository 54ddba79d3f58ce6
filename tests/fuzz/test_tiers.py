"""A short selection of the fuzzing of whole tiers."""

from random import Random, SystemRandom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import tiers
from tests.fuzz.mutate import SEEDS
from tests.fuzz.tiers import TIERS, fuzz
from webserver.desk import Desk


@pytest.mark.parametrize("name", TIERS)
def test_mutated_inputs(name: str) -> None:
    fuzz(str(SystemRandom().randrange(10**9)), 1_500, [name])


@pytest.mark.parametrize("name", TIERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), seed=st.integers(0, 99))
def test_any_bytes(name: str, data: bytes, seed: int) -> None:
    TIERS[name](data, Random(seed))


@pytest.mark.parametrize("name", TIERS)
def test_good_inputs(name: str) -> None:
    for data in SEEDS:
        for seed in range(20):
            TIERS[name](data, Random(seed))


def test_the_fuzzer_finds_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that forgets what a shard owes is found, with the input named."""

    class Forgetful(Desk):
        @property
        def idle(self) -> bool:
            return True

    monkeypatch.setattr(tiers, "Desk", Forgetful)
    with pytest.raises(AssertionError) as found:
        fuzz("1", 500, ["shard_link"])
    assert "target shard_link" in found.value.__notes__[0]
