"""Understanding text with Rasa: the client, the processes, the language of a message."""
