"""A pytest plugin (`-p tests.mutation.quick`): random tests say no or yes, at once and always the same.

A mutant is found or it is not; nobody reads the example that found it, so hypothesis shrinks, explains and keeps nothing.
Tests that draw their seed from the machine draw the same one every time.
"""

import random

from hypothesis import Phase, settings

_SEED = 20_261_121

settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    print_blob=False,
)
settings.load_profile("mutation")


class _SameSeed(random.Random):
    """What tests get for `SystemRandom`, where they draw the seed that they print."""

    def __init__(self) -> None:
        super().__init__(_SEED)


random.SystemRandom = _SameSeed  # type: ignore[assignment, misc]
