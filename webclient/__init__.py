"""The web client: a REST API and live events for people and programs, and the door through which the Vue client is served."""
