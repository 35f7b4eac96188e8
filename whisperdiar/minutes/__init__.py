"""Minutes of a meeting from its transcript: who took part, what was talked about, decided and left to do.

    transcript → utterances → features → scores → evidence → items → minutes → a document

Everything rests on evidence: words of the transcript with their speaker and time. Nothing here needs a language model,
and nothing but `llm` touches the network.
"""

from __future__ import annotations
