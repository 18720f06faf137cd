"""The record, in SQL: every number shown anywhere is computed from it."""
