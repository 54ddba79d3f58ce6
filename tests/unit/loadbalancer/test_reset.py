"""A client that takes no replies and then resets its connection costs that connection and nothing else.

Found by the simulation: epoll reports such a socket as readable and writable at once, and the read closes it.
"""

import socket
import struct
import time

import pytest

from tests.unit.loadbalancer.tiers import LineClient, free_port, load_balancer, running

pytestmark = pytest.mark.slow

LINES = 70_000
"""Their replies are more than all socket buffers between the two hold, and less than the balancer keeps for one client."""


def test_a_client_that_owes_a_read_resets() -> None:
    balancer = load_balancer(free_port(), [free_port()])
    with running(balancer):
        for _ in range(3):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", balancer.port))
                client.sendall(b"[x]\n" * LINES)
                time.sleep(0.5)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with LineClient(balancer.port) as other:
                assert other.ask(b"[x]").startswith(b"[0] ERR")
        assert balancer.stop() == 0
