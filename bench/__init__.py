"""Benchmarks: each measures its baseline in the same run, takes medians, and says what machine and command it was."""
