"""Where customers write: one folder a channel, the same file names in each.

``ingest`` turns what the platform says into events, ``deliverer`` hands outbox entries to the
platform, ``rendering`` turns our text and buttons into its own, ``limits`` knows what it takes.
"""
