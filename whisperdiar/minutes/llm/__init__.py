"""Minutes written by a language model, every sentence held against what it cites."""
