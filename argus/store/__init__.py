"""What people look things up in: a SQL database that the sink fills from the topics, and the API reads.

The topics are the truth; this is a copy that can be behind, and is rebuilt from them as far as they reach back. The
stream never asks it, and never waits for it.
"""
