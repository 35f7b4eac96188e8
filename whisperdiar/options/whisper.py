"""Settings of the recogniser `whisper`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers
from whisperdiar.options.command_line import WHISPER_TASKS, WORD_TIMES
from whisperdiar.options.refinement import REFINEMENT, check_word_times
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperSettings:
    """faster-whisper.

    Attributes:
        model: ``auto``, a name such as ``small`` or ``large-v3-turbo``, a repository, or a folder.
        compute_type: of CTranslate2 (``auto``, ``int8``, ``float16``, …).
        batch_size: pieces decoded at once; 0 chooses from the device.
        beam_size: beams of the search.
        prompt: text that sets style and vocabulary.
        hotwords: words to expect.
        max_chunk: longest piece of sound that is decoded at once, seconds (Whisper's window is 30).
        task: ``transcribe``, or ``translate`` into English.
        languages: codes or names, with commas between them, of the languages that are detected; None for any.
        multilingual: every piece of speech is taken to be in its own language, which is detected.
        word_times: ``dtw`` takes them from the model's attention, ``wav2vec2`` aligns the words again with a CTC model
            of the language, ``none`` spreads the words over the speech.
        word_times_model: CTC model for ``wav2vec2``, a repository or a folder; None for the language's own.
        temperature_fallback: doubtful pieces are decoded again at rising temperatures.
        compression_ratio_threshold: text that compresses better than this repeats itself; None for no limit.
        log_prob_threshold: text with a lower mean log-probability is doubtful; None for no limit.
        no_speech_threshold: doubtful text from sound that the model takes for no speech with more than this
            probability is dropped; None for no limit.
        fill_gaps: speech of 1.5 seconds and more in which no word was found is decoded again by itself.
        cut_loops: phrases that are repeated over and over stay as often as the sound holds them.
        drop_unspoken: sentences that lie where nobody speaks are dropped.
        drop_closing_phrases: "Thanks for watching" and credits of subtitles are dropped where nobody says them.
        condition_on_previous_text: each piece is decoded with the text before it in view, one by one; words are
            written more alike, and mistakes go on more easily.

    Raises:
        InvalidOption: a number outside its range, or no such task or source of times.
    """

    model: str = "auto"
    compute_type: str = "auto"
    batch_size: int = 0
    beam_size: int = 5
    prompt: str | None = None
    hotwords: str | None = None
    max_chunk: float = 29.0
    task: str = "transcribe"
    languages: str | None = None
    multilingual: bool = False
    word_times: str = REFINEMENT.word_times
    word_times_model: str | None = REFINEMENT.word_times_model
    temperature_fallback: bool = True
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    fill_gaps: bool = REFINEMENT.fill_gaps
    cut_loops: bool = REFINEMENT.cut_loops
    drop_unspoken: bool = REFINEMENT.drop_unspoken
    drop_closing_phrases: bool = REFINEMENT.drop_closing_phrases
    condition_on_previous_text: bool = False

    def __post_init__(self) -> None:
        check_choice("task", self.task, WHISPER_TASKS)
        check_word_times(self.word_times, self.word_times_model, known=WORD_TIMES)
        for name in ("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InvalidOption(
                    _("{name} {value}: give a number, or none for no limit").format(name=name, value=value)
                )
        if self.batch_size < 0:
            raise InvalidOption(
                _("batch_size {batch_size}: it must be 1 or more, or 0 to choose by the device").format(
                    batch_size=self.batch_size
                )
            )
        if not 1 <= self.beam_size <= 50:
            raise InvalidOption(
                _("beam_size {beam_size}: it must lie between 1 and 50").format(beam_size=self.beam_size)
            )
        for name in ("prompt", "hotwords"):
            try:
                (getattr(self, name) or "").encode("utf-8")
            except UnicodeEncodeError as error:
                raise InvalidOption(
                    _("{name}: its text is not UTF-8; type it in a terminal that writes UTF-8").format(name=name)
                ) from error
        if not 1.0 <= self.max_chunk <= 30.0:
            raise InvalidOption(
                _("max_chunk {max_chunk}: Whisper takes 1 to 30 seconds at once").format(max_chunk=self.max_chunk)
            )
        check_numbers(self, may_be_negative=("log_prob_threshold",))
