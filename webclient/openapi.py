"""The OpenAPI document, made from what the routes declare."""

from apiflask import APIFlask


def install(app: APIFlask) -> None:
    """Makes /openapi.json say what webclient.access declares."""
    app.config.update(AUTO_SERVERS=False, AUTO_404_RESPONSE=False, AUTO_OPERATION_ID=True)
