"""Cash, quotes, and orders to buy and sell, through the load balancer."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("trading", __name__, url_prefix="/api", tag="Trading")
