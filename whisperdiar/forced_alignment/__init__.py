"""Forced alignment: known words → their times, by a network that hears letters."""
