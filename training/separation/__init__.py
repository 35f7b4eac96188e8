"""Training of a small SepFormer, to try separation of overlapping voices without a download."""
