"""Guichet: how a message travels (see docs/architecture.md)."""
