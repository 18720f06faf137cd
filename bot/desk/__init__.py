"""Where agents work. One folder a desk; they share the ports and nothing else."""
