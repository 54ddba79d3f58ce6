"""Live events of an account (server-sent events)."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("events", __name__, url_prefix="/api", tag="Events")
