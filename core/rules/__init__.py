"""The rule book: every rule is one entry in one of the families beside this file."""
