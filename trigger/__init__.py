"""The trigger tier: looks at the cached prices and fires the triggers that they reach, directly on the database."""
