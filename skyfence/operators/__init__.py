"""Operators: accounts, what the public is told, and what waits for their word."""
