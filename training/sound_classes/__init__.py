"""The network that parts speech, music and noise: its training on built scenes.

README.md says how to run it; the result is `whisperdiar/data/sound_classes.npz`.
"""
