"""Bringing the system up on one machine: embedded Postgres and Valkey, supervised tiers, the `daytrade` command."""
