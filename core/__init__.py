"""The shared kernel: what the tiers agree on (values, wire format, limits) and how each of them is run."""
