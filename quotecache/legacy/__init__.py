"""The legacy quote server's simulator: slow, charged for, and as unreliable as one asks for (quote-server.md)."""
