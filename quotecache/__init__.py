"""Quotes at most a minute old, one hit for everybody: a library of the transaction and the trigger tier.

`cache` is what a tier uses; `legacy/` is the simulator of the quote server, a process of its own.
"""
