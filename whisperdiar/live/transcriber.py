"""Live transcription: sound goes in as it comes, words with speakers come out.

sound → endpointing → utterances → hypotheses → final words
      → online diarization → turns → speakers of final words
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.contracts import Progress, StreamingDetector, StreamingDiarizer, no_progress
from whisperdiar.errors import InvalidOption, UnsupportedRequest
from whisperdiar.joining import Origin, join
from whisperdiar.live.carrying import carry_speakers
from whisperdiar.live.endpoints import Endpoints
from whisperdiar.live.events import (
    LanguageHeard,
    LiveEvent,
    LiveWord,
    SpeakersHeard,
    SpeechEnded,
    SpeechStarted,
    WordsHeard,
)
from whisperdiar.live.naming import VoiceNames
from whisperdiar.live.recognition import UtteranceRecogniser
from whisperdiar.live.sound import Spool, Tail
from whisperdiar.live.speakers import SpeakerLabels
from whisperdiar.media import load
from whisperdiar.options import SAMPLE_RATE_HZ, LiveOptions
from whisperdiar.people import Identifier
from whisperdiar.pipeline import Pipeline
from whisperdiar.segmentation import segments
from whisperdiar.system.folders import find_state_folder
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Samples, Span, Word

_BLOCK_S = 0.1
"""Sound is taken up in such blocks, so that one call may hold several utterances."""
_MOST_AT_ONCE_S = 4.0
"""New sound of an utterance that one hypothesis takes up: of more, as it comes on a slow machine, a recogniser leaves
whole sentences out."""
_AFTER_S = 0.2
"""Silence behind an utterance that the recogniser hears with it."""


class LiveTranscriber:
    """One stream of sound that is transcribed while it comes.

        with LiveTranscriber(pipeline) as live:
            for samples in microphone:
                for event in live.feed(samples):
                    show(event)
            transcript = live.finish()

    What is told as final never changes, neither a word nor, once it is settled, its speaker. A call takes as long as
    the recogniser needs; what comes in meanwhile is fed by the next call, all at once.

    Attributes:
        options: how it listens.
        spool: the WAV file that holds all of the sound.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        options: LiveOptions | None = None,
        identifier: Identifier | None = None,
        recording_id: str = "live",
        spool: str | Path | None = None,
    ) -> None:
        """Opens the streams of the backends, whose models are loaded, and the spool file.

        Args:
            pipeline: as `whisperdiar.OpenPipeline.load` gives it. Its diarizer tells speakers apart at once where it
                can hear a stream, and for the transcript at the end in any case.
            options: None for the defaults.
            identifier: names speakers by their voices; None for labels alone.
            recording_id: name of the recording, without white space.
            spool: WAV file that keeps the sound; None for one in the user's folder, which `finish` removes.

        Raises:
            UnsupportedRequest: the detector cannot hear a stream.
            InvalidOption: the pipeline has no recogniser.
            OutputError: the spool file cannot be made.
        """
        self.options = options or LiveOptions()
        if pipeline.transcriber is None:
            raise InvalidOption(_("live transcription needs a recogniser: give the pipeline one"))
        if not isinstance(pipeline.detector, StreamingDetector):
            raise UnsupportedRequest(
                _("--vad {name}: it hears whole recordings alone; use --vad silero").format(
                    name=getattr(pipeline.detector, "name", "?")
                )
            )
        self._pipeline, self._identifier = pipeline, identifier
        self._recording_id = "_".join(recording_id.split()) or "live"
        self._endpoints = Endpoints(pipeline.detector.stream(), end_silence=self.options.end_silence)
        self._recogniser = UtteranceRecogniser(pipeline, self.options)
        self._labels = SpeakerLabels(self._open_diarizer())
        self._names = None if identifier is None else VoiceNames(identifier)
        self._tail = Tail()
        self._utterance = 0
        self._is_told: str | None = pipeline.language
        self._is_finished = False
        self._keeps_spool = spool is not None
        self.spool = Spool(Path(spool) if spool is not None else _name_spool())

    def __enter__(self) -> LiveTranscriber:
        return self

    def __exit__(self, *_error: object) -> None:
        self.spool.close()

    @property
    def duration(self) -> float:
        """Seconds of sound that came."""
        return self._tail.end

    @property
    def words(self) -> tuple[LiveWord, ...]:
        """All final words."""
        return tuple(self._labels.words)

    @property
    def provisional(self) -> tuple[Word, ...]:
        """What is heard behind them, and may change."""
        return self._labels.label_provisional(self._recogniser.provisional)

    @property
    def utterance(self) -> int:
        """Number of the utterance that goes on, or comes next, counted from 0."""
        return self._utterance

    @property
    def names(self) -> Mapping[str, str]:
        """Speaker label → name of the person whose voice it is."""
        return {} if self._names is None else dict(self._names.names)

    @property
    def tells_speakers(self) -> bool:
        """Whether speakers are told apart while the sound comes."""
        return self._labels.is_live

    def feed(self, samples: Samples) -> tuple[LiveEvent, ...]:
        """Takes up more sound; what is known now and was not before.

        Args:
            samples: float32 (n_samples,) in [-1, 1] at 16 kHz, any number of them; what is no finite number is silence.

        Raises:
            InvalidOption: an array of another shape, or the stream is finished.
            OutputError: the spool file cannot be written.
            BackendError: the recogniser failed.
        """
        sound = np.asarray(samples, dtype=np.float32)
        if sound.ndim != 1:
            raise InvalidOption(_("samples of shape {shape}: feed one channel, (n_samples,)").format(shape=sound.shape))
        if self._is_finished:
            raise InvalidOption(_("this stream is finished; open another LiveTranscriber"))
        sound = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
        self.spool.append(sound)
        events: list[LiveEvent] = []
        size = round(_BLOCK_S * SAMPLE_RATE_HZ)
        for first in range(0, len(sound), size):
            block = sound[first : first + size]
            self._tail.append(block)
            for endpoint in self._endpoints.feed(block):
                if endpoint.is_end:
                    events += self._close(endpoint.time)
                else:
                    self._recogniser.begin(endpoint.time)
                    events.append(SpeechStarted(endpoint.time))
            self._labels.feed(block, speech_until=self._endpoints.speech_until)
            if self._tail.end - self._recogniser.until >= _MOST_AT_ONCE_S:
                events += self._hear_open()
        events += self._hear_open()
        return (*events, *self._tell_speakers())

    def flush(self) -> tuple[LiveEvent, ...]:
        """Makes all words of the open utterance final at once, without waiting for its end."""
        if self._endpoints.open_since is None:
            return ()
        spoken = Span(self._endpoints.open_since, self._endpoints.speech_until)
        final = self._recogniser.close(self._tail, spoken, self._tail.end)
        return (self._take(final), *self._tell_speakers())

    def stop(self) -> tuple[LiveEvent, ...]:
        """Nothing more comes: all words and speakers are final. May be called again."""
        if self._is_finished:
            return ()
        events: list[LiveEvent] = []
        for endpoint in self._endpoints.finish():
            events += self._close(endpoint.time)
        self._labels.settle()
        events += self._tell_speakers()
        self._is_finished = True
        self.spool.close()
        return tuple(events)

    def finish(self, *, progress: Progress = no_progress) -> Transcript:
        """The transcript: all sound is heard again, with the whole of it in view, where `options.final_pass` says so.

        Speakers keep the labels and names that they had. A spool file that nobody named is removed.

        Raises:
            MediaError: the spool file is gone.
            BackendError, DiarizationFailed: as of `Pipeline.run`; the spool file stays then, and `transcribe_live` has
                what was heard live.
            BaseException: whatever `progress` raises.
        """
        self.stop()
        transcript = self.transcribe_live()
        if self.options.final_pass and self._tail.n_samples:
            audio = replace(load(self.spool.path), recording_id=self._recording_id)
            language = self._pipeline.language
            again = replace(self._pipeline, language=language or self._recogniser.language)
            found = again.run(audio, progress=progress)
            taken = [label for item in self._labels.words if (label := item.word.speaker) is not None]
            found = carry_speakers(found, self._labels.turns(), taken=taken, names=self.names)
            transcript = replace(found, provenance={**found.provenance, "live": self._describe(final_pass=True)})
            if self._identifier is not None:
                transcript = self._identifier.identify(transcript, audio)
        if not self._keeps_spool:
            self.spool.remove()
        return transcript

    def transcribe_live(self) -> Transcript:
        """The transcript of the final words as they were told, with the speakers that they have by now."""
        words = [item.word for item in self._labels.words]
        made = join(
            (),
            self._labels.turns(),
            origin=Origin(
                recording_id=self._recording_id,
                duration=self.duration,
                language=self._recogniser.language,
                provenance={"live": self._describe(final_pass=False)},
            ),
            spoken=segments(words, options=self._pipeline.segmentation),
        )
        known = {speaker.id for speaker in made.speakers}
        named = {label: name for label, name in self.names.items() if label in known}
        return made.rename(named) if named else made

    def _open_diarizer(self) -> Any:
        diarizer = self._pipeline.diarizer
        if not isinstance(diarizer, StreamingDiarizer):
            return None
        return diarizer.stream(
            speakers=self._pipeline.speakers,
            delay=self.options.speaker_delay,
            patience=self.options.speaker_patience,
            new_speaker=self.options.new_speaker,
        )

    def _hear_open(self) -> Iterable[LiveEvent]:
        """One more hypothesis about the utterance that goes on, where it is time for it."""
        since = self._endpoints.open_since
        if since is None or not self._recogniser.is_due(self._tail.end):
            return ()
        spoken = Span(since, max(since, self._endpoints.speech_until))
        final = self._recogniser.hear(self._tail, spoken, self._tail.end)
        return (*self._tell_language(), self._take(final))

    def _close(self, end: float) -> Iterable[LiveEvent]:
        """The utterance has ended: its words are final."""
        begun = self._recogniser.start
        final = self._recogniser.close(self._tail, Span(min(begun, end), end), min(end + _AFTER_S, self._tail.end))
        events = (*self._tell_language(), self._take(final), SpeechEnded(end))
        self._utterance += 1
        return events

    def _take(self, final: tuple[Word, ...]) -> WordsHeard:
        provisional = self._recogniser.provisional
        words = self._labels.add(final, provisional, utterance=self._utterance)
        return WordsHeard(words, self._labels.label_provisional(provisional), self._recogniser.until, self._utterance)

    def _tell_speakers(self) -> Iterable[LiveEvent]:
        changed = self._labels.update(self._recogniser.provisional)
        named: tuple[LiveEvent, ...] = ()
        if self._names is not None:
            recent = self._labels.turns(max(0.0, self._labels.settled - 30.0))
            named = self._names.hear(self._tail, recent, self._labels.settled)
        return (*((SpeakersHeard(changed),) if changed else ()), *named)

    def _tell_language(self) -> Iterable[LiveEvent]:
        language = self._recogniser.language
        if language is None or language == self._is_told:
            return ()
        self._is_told = language
        probability = self._recogniser.language_probability
        return (LanguageHeard(language, 1.0 if probability is None else probability),)

    def _describe(self, *, final_pass: bool) -> dict[str, Any]:
        """For the provenance."""
        return {"final_pass": final_pass, "words": len(self._labels.words), "speakers": self.tells_speakers}


def _name_spool() -> Path:
    """A new file among those of this user."""
    return find_state_folder() / "live" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.wav"
