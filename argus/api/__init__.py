"""The HTTP API: reads from the database, commands through the topic, and the answers back."""
