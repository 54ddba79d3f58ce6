"""Seeds in which the simulation once found something, each with what it was: run by test_simulation.py for ever."""

from typing import Final

KEPT: Final[dict[int, str]] = {}
