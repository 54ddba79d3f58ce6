"""Buy and sell triggers, through the load balancer."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("triggers", __name__, url_prefix="/api", tag="Triggers")
