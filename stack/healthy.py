"""`python -m stack.healthy`: whether this container's tier accepts connections where DAYTRADE_LISTEN says. A health check."""

import os
import sys

from core.settings import Address
from stack import ports

if __name__ == "__main__":
    _, port = Address.parse(os.environ["DAYTRADE_LISTEN"])
    sys.exit(0 if ports.accepts((ports.LOOPBACK, port)) else 1)
