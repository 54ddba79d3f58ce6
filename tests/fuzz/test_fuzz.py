"""A short, seeded selection of the mutation fuzzer, and hypothesis over the same targets. The long form: tests/fuzz/run.py."""

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.framing import LineDecoder
from tests.fuzz import targets
from tests.fuzz.mutate import SEEDS
from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS

SEED, COUNT = 20_261_121, 3_000


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs(name: str) -> None:
    assert fuzz(SEED, COUNT, [name]) >= COUNT


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=100, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)), seed=st.integers(0, 99)
)
@example(data=b"", seed=0)
@example(data=b"\xff\x00\n" * 30, seed=1)
def test_any_bytes(name: str, data: bytes, seed: int) -> None:
    TARGETS[name](data, Random(seed))


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs(name: str) -> None:
    for data in SEEDS:
        TARGETS[name](data, Random(1))


def test_the_fuzzer_finds_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that drops a byte now and then is found, with the input named."""

    class Broken(LineDecoder):
        def feed(self, data: bytes) -> list[bytes]:
            return super().feed(data.replace(b"\x00", b""))

    monkeypatch.setattr(targets, "LineDecoder", Broken)
    with pytest.raises(AssertionError) as found:
        fuzz(SEED, COUNT, ["line_decoder"])
    assert "target line_decoder" in found.value.__notes__[0]
