"""`python -m quotecache.legacy --port 4444 --delay measured --price walk --seed 7 --fault garbage:0.1,hang:0.05`"""

import argparse
import asyncio
import resource
import secrets
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core import metrics, serve
from core.clock import SystemClock
from core.settings import Address, Settings
from quotecache.legacy import changing
from quotecache.legacy.faults import KINDS
from quotecache.legacy.metrics import collect
from quotecache.legacy.record import Record
from quotecache.legacy.server import LegacyServer

_BACKLOG = 4_096


def main(arguments: Sequence[str]) -> None:
    """Runs the quote server until SIGTERM or SIGINT. Ends with status 2 and a message for options that make no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    seed: int = secrets.randbits(32) if options.seed is None else options.seed
    try:
        address = _address(options, Settings().listen)
        clock = SystemClock()
        server = LegacyServer(
            changing.delay(options.delay, seed),
            changing.price(options.price, seed),
            changing.faults(options.fault, seed),
            clock,
            Record(options.record, clock),
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))
    control_port = options.control_port if options.control_port is not None else address[1] + 1
    _allow_many_connections()
    serve.run(partial(_serve, server, address, control_port, seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quotecache.legacy", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (with --port)")
    add("--port", type=int, help="port for quotes; else that of DAYTRADE_LISTEN")
    add(
        "--control-port",
        type=int,
        help="port that tells the count of hits as JSON; else the port after --port",
    )
    add(
        "--delay",
        default="measured",
        help="none, measured, fixed:MS or file:F, a file that says so (default: measured)",
    )
    add(
        "--price",
        default="walk",
        help="walk, fixed:CENTS or file:F, lines SYM,price,price,... (default: walk)",
    )
    add("--seed", type=int, help="the same seed gives the same delays, prices and faults; else a random one")
    kinds = ", ".join(KINDS)
    add("--fault", default="", help=f"kind:rate,kind:rate with the kinds {kinds}, or file:F (default: none)")
    add("--record", type=Path, help="append each hit and each fault to this file")
    return parser


def _address(options: argparse.Namespace, listen: Address | None) -> Address:
    if options.port is not None:
        return Address((options.host, options.port))
    if listen is None:
        raise ValueError("say where to listen: --port, or DAYTRADE_LISTEN=HOST:PORT")
    return listen


def _allow_many_connections() -> None:
    """Each client is an open file; the usual soft limit of 1,024 is less than what the tiers may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(
    server: LegacyServer,
    address: Address,
    control_port: int,
    seed: int,
    settings: Settings,
    stop: asyncio.Event,
) -> None:
    """Opens both doors, says so in one line on standard output, and waits."""
    metrics.serve(settings, "quoteserver", partial(collect, server))
    host, port = address
    loop = asyncio.get_running_loop()
    quotes = await loop.create_server(server.quote_door, host, port, backlog=_BACKLOG)
    control = await loop.create_server(server.control_door, host, control_port, backlog=_BACKLOG)
    print(f"quote server on {host}:{port}, control on {host}:{control_port}, seed {seed}", flush=True)
    await stop.wait()
    quotes.close()
    control.close()


if __name__ == "__main__":
    main(sys.argv[1:])
