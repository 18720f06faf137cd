"""What the bot knows, as Rasa's own files: reading them, and training on them."""
