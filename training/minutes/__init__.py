"""The model of `whisperdiar minutes`: which utterances people's minutes rest on.

    corpus (transcripts and people's choice) → fit (trees, regression, phrases) → train (calibration, model.npz)

README.md says how to run it.
"""
