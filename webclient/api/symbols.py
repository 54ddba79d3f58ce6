"""Stocks: type-ahead, recorded prices, watch lists."""

from apiflask import APIBlueprint

blueprint = APIBlueprint("symbols", __name__, url_prefix="/api", tag="Symbols")
