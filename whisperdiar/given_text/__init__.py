"""A text that exists already, held against a recording: which of its words are spoken, by whom, and when."""
