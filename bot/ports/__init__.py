"""What the core needs from outside: small Protocols. One contract suite runs over each."""
