"""What only a supervisor may see and do."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("supervisor", __name__, url_prefix="/api", tag="Supervisor")
