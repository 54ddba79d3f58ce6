"""Grades an audit log from the contracts alone: it shares nothing with the tiers whose work it judges."""
