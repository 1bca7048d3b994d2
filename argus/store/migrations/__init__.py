"""Migrations of the database, run by the sink when it starts. They only add: an older sink goes on beside them."""
