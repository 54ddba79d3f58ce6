"""A user's own audit log (DUMPLOG)."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("log", __name__, url_prefix="/api", tag="Log")
