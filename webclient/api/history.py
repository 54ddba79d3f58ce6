"""What a user did and what happened to them, from the audit table."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("history", __name__, url_prefix="/api", tag="History")
