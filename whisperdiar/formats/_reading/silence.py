"""What forced aligners and recognisers write where nobody says a word."""

from __future__ import annotations

SILENCE = frozenset({"<eps>", "<sil>", "<SIL>", "<silence>", "<p:>", "<b>", "<space>", "<s>", "</s>", "!SIL", "{SL}"})
"""Marks that no text can be taken for: of Kaldi, the Montreal Forced Aligner, MAUS, NeMo, HTK and P2FA."""

SILENT_WORDS = SILENCE | frozenset({"sp", "sil", "SIL", "silB", "silE", "SILENCE", "pau"})
"""The same with those that are words of some language; silence only on the tiers of forced aligners."""
