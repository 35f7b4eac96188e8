"""Speech separation: where two people talk at once, each voice is recognised by itself.

diarizer     A ▇▇▇▇▇▇▇▇▇▇            B      ▇▇▇▇▇▇▇▇▇▇
stretch            ┆  ▒▒▒▒▒ ┆          overlap, with context on both sides
separated    A ▇▇▇▇▇▇▇▇▇▇       a stream for each voice, given to its speaker, recognised by itself
             B        ▇▇▇▇▇▇▇▇▇
"""

from whisperdiar.separation.overlap import OverlapSeparator
from whisperdiar.separation.results import OVERLAP, SeparatedOverlap
from whisperdiar.separation.sepformer import SepFormer, find_repository

__all__ = ["OVERLAP", "OverlapSeparator", "SepFormer", "SeparatedOverlap", "find_repository"]
