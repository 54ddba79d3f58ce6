"""`demo`"""


def demo() -> None:
    """Shows the whole system at work."""
