"""The transaction servers: what a command does to an account, decided in memory, durable in one statement a batch."""
