"""Live state on Redis or Valkey."""
