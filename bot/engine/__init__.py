"""How an event becomes a turn, a turn a commit, and a commit a message."""
