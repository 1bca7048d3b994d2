"""The pure half of Argus: records, windows, state, rules and decisions. No I/O, no clock, no environment."""
