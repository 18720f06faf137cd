"""What the engine counts and measures; each process has its own figures, at ``/metrics``.

Other packages define their own beside what they measure, named ``guichet_<area>_<what>``.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds in seconds, around what a customer notices."""

events = Counter(
    "guichet_inbox_events_total", "Events taken in; new=False was known already.", ["channel", "new"]
)
parked = Counter("guichet_dead_letters_total", "What was parked: update, event, outgoing.", ["kind"])

shards_held = Gauge("guichet_worker_shards", "Shards this process holds.")
turns = Counter("guichet_turns_total", "Turns run, by who handled them.", ["handler"])
turn_seconds = Histogram("guichet_turn_seconds", "From loaded to decided, the NLU included.", buckets=FAST)
turn_failures = Counter("guichet_turn_failures_total", "Turns that raised.")
nlu_failures = Counter("guichet_nlu_failures_total", "Texts that the NLU did not understand in time.")

sends = Counter("guichet_sends_total", "Outbox entries, by what became of them.", ["destination", "outcome"])
send_seconds = Histogram("guichet_send_seconds", "One call to a destination.", ["destination"], buckets=FAST)

backlog = Gauge("guichet_backlog", "How much waits: inbox, outbox, log, timers, dead.", ["queue"])
restarts = Counter(
    "guichet_supervisor_restarts_total", "Processes started again after they died.", ["process"]
)
log_failures = Counter("guichet_log_lines_lost_total", "Log lines that could not be written.")


def exposition() -> tuple[bytes, str]:
    """All figures in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
