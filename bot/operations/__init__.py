"""What is done over all places at once, by nobody's request or by a person's: retention, and their rights."""
