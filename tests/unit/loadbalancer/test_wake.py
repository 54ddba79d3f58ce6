"""A wake-up without work costs one round.

Work that is handed over while the loop is in a round may be done in that round, before its wake-up is even written. Such
a wake-up once stayed unread, and the loop went round and round until the next connection came.
"""

import os
import threading
import time

from core.clock import SystemClock
from loadbalancer.balance import Balancer
from loadbalancer.loop import Loop


def test_a_wake_up_whose_work_is_done_is_taken_nevertheless() -> None:
    loop = Loop(Balancer(["a"], lambda: b"s"), SystemClock(), lambda server: None)
    thread = threading.Thread(target=loop.run)
    thread.start()
    clock = time.pthread_getcpuclockid(thread.ident or 0)
    done = threading.Event()
    loop.post(done.set)
    assert done.wait(5)
    before_s = time.clock_gettime(clock)
    os.eventfd_write(loop._wake, 1)
    time.sleep(0.3)
    spent_s = time.clock_gettime(clock) - before_s
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert spent_s < 0.03
