"""Text properties: graphemes and their width, punctuation, names of languages."""
