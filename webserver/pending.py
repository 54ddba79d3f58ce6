"""What one transaction shard owes: the requests it has and has not answered, and those it could not be given yet.

A request that was written to a shard may have taken effect, whatever became of the connection. It is sent again until it
is answered; only a request that no shard ever had may be answered BUSY. Values only; time comes in as milliseconds.
"""

from core.codec import Request


class ShardQueue:
    """The unanswered requests of one shard, in the order in which they came."""

    __slots__ = ("_busy_since", "_unsent", "sent")

    def __init__(self) -> None:
        self.sent: dict[int, Request] = {}
        """By tag those that were written to the shard. Whoever gets the reply takes the request out."""
        self._unsent: dict[int, Request] = {}
        self._busy_since: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.sent) + len(self._unsent)

    def add_sent(self, requests: list[Request]) -> None:
        """Notes requests that are being written to the shard."""
        self.sent.update([(request.tag, request) for request in requests])

    def add_unsent(self, requests: list[Request], since_ms: int | None) -> None:
        """Notes requests that wait for a link to the shard.

        `since_ms` is None when another web server may have sent them: they are never BUSY.
        """
        for request in requests:
            self._unsent[request.tag] = request
            if since_ms is not None:
                self._busy_since[request.tag] = since_ms

    def send_all(self) -> list[Request]:
        """Everything unanswered, in order, for a link that has just come up."""
        self.sent |= self._unsent
        self._unsent.clear()
        self._busy_since.clear()
        return list(self.sent.values())

    def expire(self, before_ms: int) -> list[Request]:
        """Takes out the requests to be answered BUSY: never sent, and waiting since then or longer.

        Not those behind an earlier request of their user that has to wait on: a reply may not overtake.
        """
        if next(iter(self._busy_since.values()), before_ms + 1) > before_ms:
            return []
        kept = {request.user for request in self.sent.values()}
        expired: list[Request] = []
        for tag, request in self._unsent.items():
            if request.user in kept or self._busy_since.get(tag, before_ms + 1) > before_ms:
                kept.add(request.user)
            else:
                expired.append(request)
        for request in expired:
            del self._unsent[request.tag], self._busy_since[request.tag]
        return expired
