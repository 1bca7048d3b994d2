"""Simulated life: seeded normal traffic of a shop and bank, with labelled attacks in it.

Knows the contract and nothing of detection: no parameter here is taken from a rule's threshold.
"""
