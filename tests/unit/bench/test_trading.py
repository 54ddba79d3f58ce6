"""Who trades while triggers fire."""

from bench._loads import crowd
from bench._trading import users_of


def test_a_user_is_one_user_wherever_the_name_stands_in_the_line() -> None:
    """With its line end a name was a second user whom nothing could be armed for: half of the fires due never were."""
    lines = [
        b"[1] ADD,ann,1.00\n",
        b"[2] COMMIT_BUY,ann\n",
        b"[3] BUY,bob,ABC,1.00\n",
        b"[4] COMMIT_BUY,bob \n",
    ]
    assert users_of(lines) == ["ann", "bob"]
    assert len(users_of(crowd(10, 2_000).lines)) == 10
