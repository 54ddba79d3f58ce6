"""Breaks a running stack on purpose, under load, and judges what is left of every promise (invariants: docs/faults.md)."""
