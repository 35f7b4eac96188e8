"""Reports from a transcript: pictures, speakers' clips, a subtitled video."""
