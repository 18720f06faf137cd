"""Files: fetched from platforms, kept in a store, never executed."""
