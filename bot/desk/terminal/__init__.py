"""A desk in the terminal: for the first day, for development, and when all else is down."""
