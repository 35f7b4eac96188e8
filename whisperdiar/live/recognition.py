"""Recognition of speech that goes on: the open utterance is heard again and again, by any recogniser.

sound behind the last cut → recogniser → hypothesis → agreement with the one before → final words
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from whisperdiar.live.agreement import Agreement
from whisperdiar.live.sound import Tail
from whisperdiar.options import LiveOptions
from whisperdiar.pipeline import Pipeline
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Span, Transcription, Word

_SURE = 0.5
"""Probability of a language that is taken for the stream's."""
_SURE_S = 2.0
"""Speech that is heard before it is."""
_SENTENCE_S = 6.0
"""Sound behind which an utterance is cut at the end of a sentence that is final."""
_SHORTEST_S = 0.2
"""Less sound is no word."""
_REMEMBERED = 200
"""Final words: more than are said in a window."""


class UtteranceRecogniser:
    """The words of a stream, utterance by utterance.

    Attributes:
        language: code of the language, once it is known.
        language_probability: where it was detected.
        start: seconds from which on the open utterance is heard: what is final before is not heard again.
        until: seconds of the stream up to which the recogniser has listened.
    """

    def __init__(self, pipeline: Pipeline, options: LiveOptions) -> None:
        self._options = options
        self._quick = replace(pipeline, cache=None, transcriber=_configure(pipeline.transcriber, is_last=False))
        self._thorough = replace(pipeline, cache=None, transcriber=_configure(pipeline.transcriber, is_last=True))
        settings = getattr(pipeline.transcriber, "settings", None)
        self._may_switch = bool(getattr(settings, "multilingual", False) or getattr(settings, "languages", None))
        self._agreement = Agreement()
        self._said: list[Word] = []
        self.start = 0.0
        self.language = pipeline.language
        self.language_probability: float | None = None
        self.until = 0.0

    @property
    def provisional(self) -> tuple[Word, ...]:
        return self._agreement.provisional

    def begin(self, start: float) -> None:
        """An utterance begins."""
        self.start = self.until = start

    def is_due(self, end: float) -> bool:
        """Whether enough has come since the recogniser listened last."""
        return end - self.until >= self._options.step

    def hear(self, tail: Tail, spoken: Span, end: float) -> tuple[Word, ...]:
        """Final words by one more hypothesis about the open utterance.

        Args:
            tail: the sound.
            spoken: where there is speech in it.
            end: of the sound that is heard.
        """
        found = self._recognise(self._quick, tail, spoken, end)
        final = self._agreement.insert(found, start=self.start)
        self._said += final
        return (*final, *self._cut(end))

    def close(self, tail: Tail, spoken: Span, end: float) -> tuple[Word, ...]:
        """The utterance has ended: its words, the rest of which is final now."""
        start = self.start
        if spoken.end - start < _SHORTEST_S:
            final = self._agreement.close()
        else:
            final = self._agreement.close(self._recognise(self._thorough, tail, spoken, end), start=start)
        self._said = [*self._said, *final][-_REMEMBERED:]
        self.start = end
        return final

    def _recognise(self, pipeline: Pipeline, tail: Tail, spoken: Span, end: float) -> tuple[Word, ...]:
        audio = tail.cut(self.start, end)
        self.until = end
        speech = spoken.shift(-audio.start).clip(0.0, audio.duration)
        if speech is None or pipeline.transcriber is None:
            return ()
        pipeline = replace(pipeline, language=self.language, transcriber=self._prompt(pipeline.transcriber))
        found = pipeline.words(audio, speech=[speech])
        self._learn_language(found, speech)
        return tuple(replace(word, span=word.span.shift(audio.start)) for word in found.words)

    def _learn_language(self, found: Transcription, speech: Span) -> None:
        if self.language is not None or self._may_switch or found.language is None:
            return
        probability = found.language_probability
        if probability is None or (probability >= _SURE and speech.duration >= _SURE_S and found.words):
            self.language, self.language_probability = found.language, probability

    def _prompt(self, transcriber: Any) -> Any:
        """The recogniser, which sees the last final words."""
        n_words = self._options.context_words
        settings: Any = getattr(transcriber, "settings", None)
        if not n_words or not hasattr(settings, "prompt"):
            return transcriber
        before = "".join(word.text for word in self._said[-n_words:] if word.end <= self.start).strip()
        prompt = " ".join(filter(None, (settings.prompt, before)))
        return transcriber.reconfigure(replace(settings, prompt=prompt)) if before else transcriber

    def _cut(self, end: float) -> tuple[Word, ...]:
        """Sound whose words are final is not heard again once there is much of it; words that are final for it."""
        inside = [word for word in self._said[-_REMEMBERED:] if word.start >= self.start]
        length = end - self.start
        if length > _SENTENCE_S:
            for word in reversed(inside):
                if last_mark(word.text) in SENTENCE_END:
                    self.start = word.end
                    return ()
        if length <= self._options.window:
            return ()
        if inside:
            self.start = inside[-1].end
        if end - self.start <= self._options.window:
            return ()
        # No two hypotheses agree, as over music: a window that is full is taken as it was heard last.
        self.start = end
        final = self._agreement.close()
        self._said += final
        return final


def _configure(transcriber: Any, *, is_last: bool) -> Any:
    """The recogniser for speech that is heard again: what costs time waits for the end of the utterance."""
    settings = getattr(transcriber, "settings", None)
    names = {item.name for item in fields(settings)} if settings is not None else set()
    wanted: dict[str, Any] = {"fill_gaps": is_last, "temperature_fallback": is_last}
    changes = {name: value for name, value in wanted.items() if name in names and getattr(settings, name)}
    if not changes or settings is None:
        return transcriber
    return transcriber.reconfigure(replace(settings, **{name: wanted[name] for name in changes}))


def join_texts(words: Sequence[Word]) -> str:
    """The text of words, as recognised."""
    return "".join(word.text for word in words).strip()
