"""Recognition with a given text: a recogniser says what is heard when, and the text says what it is.

recognised words → matched with the text → words that nobody speaks left out → times → the text's words

Words that were recognised as the text has them are anchors, with the times of the recogniser. What lies between anchors
is judged and timed by the recogniser itself, where it can be given words (`WordForcer`), and otherwise shares the
speech there by its letters. A CTC model times all words again, in pieces between anchors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.contracts import (
    REFINEMENT_STEPS,
    Parts,
    Progress,
    Transcriber,
    WordForcer,
    current_parts,
    info_of,
    no_progress,
    record_of,
    release,
    remember_json,
    scale_progress,
)
from whisperdiar.errors import FormatError
from whisperdiar.forced_alignment.wav2vec2 import WordAligner
from whisperdiar.given_text.judging import Judge
from whisperdiar.given_text.matching import match_text
from whisperdiar.given_text.placement import PlacedText, list_dropped, place
from whisperdiar.given_text.reading import GivenText
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.text.counts import count_words
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendRecord, Samples, ScoredTime, Span, Transcription, merge_spans

TEXT_BEGINS = 0.8
"""Of the progress of stage ``asr``: recognition; the rest is the text."""
_LEAST_AGREEMENT = 0.15
"""Of a text that is another recording's, at most 6 % of the words are heard two or more in a row …"""
_DOUBTFUL_AGREEMENT = 0.4
"""… and of its own, in meetings with much overlap, at least 48 % (Whisper base)."""
_SHORTEST_WORD_S, _SHORTEST_PER_LETTER_S = 0.03, 0.025
"""Nobody speaks a word of n letters in less than 0.03 + 0.025 n seconds, for longer than a breath."""


class TextTranscriber:
    """A recogniser that writes the words of a given text.

    Args:
        recogniser: what listens.
        text: what is spoken, as somebody wrote it.
        word_times: ``wav2vec2`` times the words by a CTC model; ``none`` by their letters alone; any other by the
            recogniser; None by a CTC model where one is on this machine.
        word_times_model: a repository or folder in place of the language's own CTC model.
    """

    name: ClassVar[str] = "text"
    does_itself: ClassVar[frozenset[str]] = REFINEMENT_STEPS
    takes_terms: ClassVar[bool] = False

    def __init__(
        self,
        recogniser: Transcriber,
        text: GivenText,
        *,
        word_times: str | None = None,
        word_times_model: str | None = None,
    ) -> None:
        self.recogniser, self.text = recogniser, text
        self.word_times, self.word_times_model = word_times, word_times_model
        self._aligner: WordAligner | None = None

    @property
    def info(self) -> Any:
        """Of the recogniser."""
        return info_of(self.recogniser)

    @property
    def settings(self) -> Any:
        """Of the recogniser."""
        return getattr(self.recogniser, "settings", None)

    @property
    def runtime(self) -> Runtime:
        """Of the recogniser."""
        found = getattr(self.recogniser, "runtime", None)
        return found if isinstance(found, Runtime) else Runtime()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Of the recogniser."""
        return tuple(getattr(self.recogniser, "remarks", ()))

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Loads the recogniser."""
        prepare = getattr(self.recogniser, "prepare", None)
        if callable(prepare):
            prepare(progress=progress)

    def release(self) -> None:
        """Drops all models."""
        release(self.recogniser)
        if self._aligner is not None:
            self._aligner.release()

    def record(self) -> BackendRecord:
        """Of the recogniser, with the text and the CTC model."""
        found = record_of(self.recogniser)
        return replace(found, details={**found.details, **self.describe_text()})

    def describe_text(self) -> dict[str, Any]:
        """The text, whose digest tells it from another one, and the CTC model."""
        described: dict[str, Any] = {
            "text": {"name": self.text.name, "digest": self.text.digest(), "tolerance": self.text.tolerance},
            "text_times": self.word_times,
        }
        if self._aligner is not None:
            described["word_times"] = self._aligner.record()
        return described

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """The words of the text that are spoken, in its order, with its speakers.

        Raises:
            FormatError: the text is not that of the recording: too little of it is heard, or it is too long.
        """
        self.check_audio(audio)
        first, rest = scale_progress(progress, 0.0, TEXT_BEGINS), scale_progress(progress, TEXT_BEGINS, 1.0)
        heard = recognise(self.recogniser, audio, speech=speech, language=language, progress=first)
        return self.write_text(heard, audio, speech=speech, progress=rest)

    def write_text(
        self, heard: Transcription, audio: Audio, *, speech: Sequence[Span], progress: Progress = no_progress
    ) -> Transcription:
        """The words of the text that are spoken, in its order, with its speakers, by what the recogniser heard.

        Raises:
            FormatError: the text is not that of the recording: too little of it is heard.
        """
        inside = merge_spans(part for span in speech if (part := span.clip(0.0, audio.duration)))
        if not inside or not heard.words:
            return replace(heard, words=(), dropped=(*heard.dropped, *list_dropped(self._nothing_heard(), audio)))
        matched = match_text(self.text, heard.words)
        if matched.agreement < _LEAST_AGREEMENT:
            raise FormatError(
                _("{name}: {share:.0%} of its words are heard here; give the text of this recording").format(
                    name=self.text.name, share=matched.agreement
                )
            )
        warnings, notes = list(heard.warnings), list(heard.notes)
        forcer = self.recogniser if isinstance(self.recogniser, WordForcer) and self.word_times != "none" else None
        force = None if forcer is None else partial(_force_words, forcer, current_parts())
        judge = Judge(audio, inside, force, language=heard.language)
        aligner = self._find_aligner(heard.language, audio, warnings)
        placed = place(matched, judge, align=None if aligner is None else aligner.align, progress=progress)
        if aligner is not None and aligner.failure:
            warnings.append(aligner.failure)
        if matched.agreement < _DOUBTFUL_AGREEMENT:
            warnings.append(
                _("{share:.0%} of the text is heard as written: look whether it is that of this recording").format(
                    share=matched.agreement
                )
            )
        if placed.unspoken or placed.added:
            notes.append(
                _("words of the text not spoken: {unspoken} of {number}; spoken beyond it: {added}; see JSON").format(
                    unspoken=len(placed.unspoken), number=self.text.n_words, added=placed.n_added
                )
            )
        progress("asr", 1.0)
        return replace(
            heard,
            words=placed.words,
            dropped=tuple(sorted((*heard.dropped, *list_dropped(placed, audio)), key=lambda item: item.span)),
            warnings=tuple(warnings),
            notes=tuple(notes),
            replacements=(),
        )

    def _nothing_heard(self) -> PlacedText:
        return PlacedText((), tuple((word.text, 0.0) for word in self.text.words), (), 0)

    def check_audio(self, audio: Audio) -> None:
        """Raises FormatError where nobody could speak the text in this time."""
        letters = sum(len(word.text.strip()) for word in self.text.words)
        least = _SHORTEST_WORD_S * self.text.n_words + _SHORTEST_PER_LETTER_S * letters
        if least > audio.duration:
            raise FormatError(
                _("{name}: {words} cannot be spoken in {seconds:.0f} s; give the text of this recording").format(
                    name=self.text.name, words=count_words(self.text.n_words), seconds=audio.duration
                )
            )

    def _find_aligner(self, language: str | None, audio: Audio, warnings: list[str]) -> WordAligner | None:
        """The CTC model of the language, where it is wanted and can be had."""
        if self.word_times not in (None, "wav2vec2"):
            return None
        is_asked = self.word_times == "wav2vec2"
        if self._aligner is None:
            runtime = self.runtime if is_asked else replace(self.runtime, offline=True)
            self._aligner = WordAligner(self.word_times_model, runtime=runtime)
        cause: str | None
        if audio.sample_rate != SAMPLE_RATE_HZ:
            cause = _("they need sound at {needed} Hz").format(needed=SAMPLE_RATE_HZ)
        elif language is None:
            cause = _("the language is not known")
        else:
            cause = self._aligner.prepare(language)
        if cause is None:
            return self._aligner
        self._aligner = None
        if is_asked:
            warnings.append(_("word times are the recogniser's own: {cause}").format(cause=cause))
        return None


def _force_words(
    forcer: WordForcer, parts: Parts | None, sound: Samples, words: Sequence[str], *, language: str | None
) -> list[ScoredTime | None]:
    """When each of the words is spoken in a piece: kept by an earlier run, or found now, and kept."""
    key = json.dumps(["forced", language, hashlib.blake2b(sound.tobytes(), digest_size=16).hexdigest(), *words])

    def work() -> list[list[float] | None]:
        found = forcer.force_words(sound, words, language=language)
        return [
            None if item is None else [float(item.start), float(item.end), float(item.probability)] for item in found
        ]

    return [None if item is None else ScoredTime(*item) for item in remember_json(parts, key, work)]
