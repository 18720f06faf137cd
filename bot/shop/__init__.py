"""Looking orders up: at the shop's own system over HTTP, or in a file."""
