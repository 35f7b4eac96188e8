"""whisper-nano: a Whisper of a few megabytes, trained on synthesized speech for demonstration and tests.

    sentences → bank (log-mel power of utterances) → windows → model → CTranslate2 → evaluation

README.md says how to run it; every stage is reproducible from a seed.
"""
