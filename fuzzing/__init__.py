"""Fuzzing: random bytes for every reader, so that no file can stop the program with anything but one clear line."""
