"""What this project adds to Rasa's pipeline. Loaded by Rasa, in its own environment (Python 3.10)."""
