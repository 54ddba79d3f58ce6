"""What a shard owes: sent again until answered, BUSY only if it was never sent and overtakes nothing."""

from core.codec import Request
from webserver.pending import ShardQueue


def request(tag: int, user: str = "u") -> Request:
    return Request(tag, "s", tag, "ADD", user, "", 1, "", "", f"ADD,{user},0.01")


def test_a_new_link_gets_everything_in_order() -> None:
    queue = ShardQueue()
    queue.add_sent([request(1), request(2), request(3)])
    del queue.sent[2]
    queue.add_unsent([request(4), request(5)], 0)
    assert len(queue) == 4
    assert [r.tag for r in queue.send_all()] == [1, 3, 4, 5]
    assert [r.tag for r in queue.send_all()] == [1, 3, 4, 5]
    assert queue.expire(10**9) == [], "all of it was sent"


def test_requests_expire_by_their_own_age() -> None:
    queue = ShardQueue()
    queue.add_unsent([request(1)], 10)
    queue.add_unsent([request(2)], 20)
    assert queue.expire(9) == []
    assert [r.tag for r in queue.expire(10)] == [1]
    assert queue.expire(10) == []
    assert [r.tag for r in queue.send_all()] == [2]


def test_what_another_server_may_have_sent_does_not_expire() -> None:
    queue = ShardQueue()
    queue.add_unsent([request(1)], None)
    queue.add_unsent([request(2, "v")], 10)
    assert [r.tag for r in queue.expire(20)] == [2]
    assert queue.expire(10**9) == []


def test_a_request_behind_one_of_its_user_that_waits_on_does_not_expire() -> None:
    queue = ShardQueue()
    queue.add_sent([request(1, "a")])
    queue.add_unsent([request(2, "a"), request(3, "b")], 10)
    queue.add_unsent([request(4, "c")], None)
    queue.add_unsent([request(5, "c"), request(6, "b")], 10)
    assert [r.tag for r in queue.expire(20)] == [3, 6]
    del queue.sent[1]
    assert [r.tag for r in queue.expire(20)] == [2]
    assert [r.tag for r in queue.send_all()] == [4, 5]
