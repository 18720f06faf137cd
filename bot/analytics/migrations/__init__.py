"""How the schema came to be, one file a step. Never edit a step that was released."""
