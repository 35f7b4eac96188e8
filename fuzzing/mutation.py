"""Mutation: an input becomes another one by what damages files: bytes that change, go, come twice or from elsewhere."""

from __future__ import annotations

import random
from collections.abc import Sequence

LONGEST = 1 << 16


def mutate(seeds: Sequence[bytes], pieces: Sequence[bytes], chance: random.Random) -> bytes:
    """One to eight changes of a seed; at most `LONGEST` bytes."""
    made = bytearray(chance.choice(seeds) if seeds else b"")
    for _ in range(1 << chance.randint(0, 3)):
        place = chance.randint(0, len(made))
        end = min(len(made), place + chance.choice((1, 2, 4, 16, 64, 256)))
        match chance.randint(0, 7):
            case 0 if made:
                made[min(place, len(made) - 1)] ^= 1 << chance.randint(0, 7)
            case 1:
                made[place:end] = chance.randbytes(end - place)
            case 2:
                del made[place:end]
            case 3:
                made[place:place] = made[place:end] * chance.choice((1, 2, 8, 64))
            case 4 if seeds:
                other = chance.choice(seeds)
                start = chance.randint(0, len(other))
                made[place:end] = other[start : start + chance.choice((4, 32, 256))]
            case 5 if pieces:
                made[place:place] = chance.choice(pieces)
            case 6:
                numbers = [k for k in range(len(made)) if 48 <= made[k] <= 57]
                if numbers:
                    made[chance.choice(numbers)] = chance.choice(b"0123456789-.eE")
            case _:
                del made[place:]
        del made[LONGEST:]
    return bytes(made)
