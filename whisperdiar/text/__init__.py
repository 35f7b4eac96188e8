"""What is known of writing: graphemes and their width, punctuation, names of languages."""
