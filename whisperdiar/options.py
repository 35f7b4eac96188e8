"""Settings of every stage. The only place where a default is written; the command line reads it from here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption

SAMPLE_RATE_HZ = 16_000
"""What every model here is trained on."""

AUTO_ORDER: Mapping[str, tuple[str, ...]] = {
    "vad": ("crdnn", "silero"),
    "asr": ("whisper", "pocketsphinx"),
    "diarization": ("pyannote", "bic"),
}
"""What ``auto`` tries, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where and how backends run.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; 0 leaves the choice to the library.
        offline: never touch the network.
    """

    device: str = "auto"
    threads: int = 0
    offline: bool = False


def check_device(device: str) -> None:
    """Raises InvalidOption where this names no device at all; whether it is there, the backends find out."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device):
        raise InvalidOption(f"device {device!r}: choose auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True, kw_only=True)
class VadSettings:
    """What every speech detector shares (seconds, probabilities 0 to 1).

    Attributes:
        model: name or folder of the model, for detectors that have several; None for their own.
        threshold: probability above which speech starts; None for the detector's own.
        min_speech: shorter speech is dropped.
        min_silence: shorter pauses are filled.
        padding: added to both ends of each span.

    Raises:
        InvalidOption: a number outside its range.
    """

    model: str | None = None
    threshold: float | None = None
    min_speech: float = 0.1
    min_silence: float = 0.3
    padding: float = 0.1

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0.0 < self.threshold < 1.0:
            raise InvalidOption(f"threshold {self.threshold}: it is a probability between 0 and 1")
        for name in ("min_speech", "min_silence", "padding"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InvalidOption(f"{name} {getattr(self, name)}: it must be a number of seconds, 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """Of a backend that has nothing to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySettings:
    """Speech by loudness (seconds, decibels).

    Attributes:
        threshold_db: speech is at least this much above the noise floor.
        rise_share: … and at least this share of the way from the floor to the loudest frame nearby.
        hysteresis_db: speech goes on down to this much below the threshold.
        silence_db: relative to full scale; nothing below it is speech.
        floor_window: the floor is looked for in this many seconds.
        floor_percentile: it is this percentile of the loudness there.
        min_speech, min_silence, padding: as in VadSettings.
    """

    threshold_db: float = 8.0
    rise_share: float = 0.35
    hysteresis_db: float = 3.0
    silence_db: float = -65.0
    floor_window: float = 20.0
    floor_percentile: float = 10.0
    min_speech: float = 0.1
    min_silence: float = 0.3
    padding: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """Of a backend that reads its result from a file.

    Attributes:
        path: of the file.
    """

    path: str = ""


WHISPER_TASKS = ("transcribe", "translate")
WORD_TIMES = ("dtw", "wav2vec2", "none")


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
        cut_loops: phrases that are repeated over and over stay once.
        drop_unspoken: sentences that lie where nobody speaks are dropped.
        drop_closing_phrases: "Thanks for watching" where nobody speaks, and credits of subtitles, are dropped.
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
    multilingual: bool = False
    word_times: str = "dtw"
    word_times_model: str | None = None
    temperature_fallback: bool = True
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    fill_gaps: bool = True
    cut_loops: bool = True
    drop_unspoken: bool = True
    drop_closing_phrases: bool = True
    condition_on_previous_text: bool = False

    def __post_init__(self) -> None:
        if self.task not in WHISPER_TASKS:
            raise InvalidOption(f"task {self.task!r}: choose one of {', '.join(WHISPER_TASKS)}")
        if self.word_times not in WORD_TIMES:
            raise InvalidOption(f"word_times {self.word_times!r}: choose one of {', '.join(WORD_TIMES)}")
        if self.word_times_model is not None and self.word_times != "wav2vec2":
            raise InvalidOption("word_times_model is for word_times wav2vec2: give both, or neither")
        for name in ("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InvalidOption(f"{name} {value}: give a number, or none for no limit")
        if self.batch_size < 0:
            raise InvalidOption(f"batch_size {self.batch_size}: it must be 1 or more, or 0 to choose by the device")
        if not 1 <= self.beam_size <= 50:
            raise InvalidOption(f"beam_size {self.beam_size}: it must lie between 1 and 50")
        for name in ("prompt", "hotwords"):
            try:
                (getattr(self, name) or "").encode("utf-8")
            except UnicodeEncodeError as error:
                raise InvalidOption(
                    f"{name}: its text is not UTF-8; type it in a terminal that writes UTF-8"
                ) from error
        if not 1.0 <= self.max_chunk <= 30.0:
            raise InvalidOption(f"max_chunk {self.max_chunk}: Whisper takes 1 to 30 seconds at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketSphinxSettings:
    """CMU PocketSphinx with the English model of its package.

    Attributes:
        max_chunk: longest piece of sound that is decoded at once, seconds.

    Raises:
        InvalidOption: a number outside its range.
    """

    max_chunk: float = 30.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.max_chunk <= 120.0:
            raise InvalidOption(f"max_chunk {self.max_chunk}: PocketSphinx takes 1 to 120 seconds at once")


LINKAGES = ("average", "centroid", "complete", "median", "single", "ward", "weighted")


@dataclass(frozen=True, slots=True, kw_only=True)
class PyannoteSettings:
    """A speaker diarization pipeline of pyannote.audio; None keeps what the pipeline's own configuration says.

    Attributes:
        pipeline: repository of the hub, or a folder with the pipeline's config.yaml.
        segmentation_model: repository, folder or file that replaces the pipeline's segmentation.
        embedding_model: the same for its speaker embedding.
        segmentation_batch_size: windows segmented at once; less needs less memory.
        embedding_batch_size: voices embedded at once; less needs less memory.
        segmentation_step: step between windows, as a share of their length; more is faster and coarser.
        segmentation_threshold: probability above which somebody talks, for multi-label segmentations only.
        min_duration_off: pauses of one speaker up to this length (seconds) are filled.
        embedding_exclude_overlap: leave overlapped speech out of embeddings.
        clustering_method: linkage, for agglomerative clustering only.
        clustering_threshold: distance up to which voices are one speaker; more gives fewer speakers.
        min_cluster_size: smaller clusters join a larger one, for agglomerative clustering only.
        vbx_fa: weight of the acoustics, for VBx clustering only.
        vbx_fb: weight of having few speakers, for VBx clustering only.
        exclusive: one speaker at a time, as pyannote resolves overlaps for transcripts.

    Raises:
        InvalidOption: a number outside its range, or no such linkage.
    """

    pipeline: str = "pyannote/speaker-diarization-community-1"
    segmentation_model: str | None = None
    embedding_model: str | None = None
    segmentation_batch_size: int | None = None
    embedding_batch_size: int | None = None
    segmentation_step: float | None = None
    segmentation_threshold: float | None = None
    min_duration_off: float | None = None
    embedding_exclude_overlap: bool | None = None
    clustering_method: str | None = None
    clustering_threshold: float | None = None
    min_cluster_size: int | None = None
    vbx_fa: float | None = None
    vbx_fb: float | None = None
    exclusive: bool = False

    def __post_init__(self) -> None:
        for name in ("segmentation_batch_size", "embedding_batch_size", "min_cluster_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidOption(f"{name} {value}: it must be at least 1")
        for name, low, high in (
            ("segmentation_step", 0.01, 1.0),
            ("segmentation_threshold", 0.0, 1.0),
            ("min_duration_off", 0.0, 60.0),
            ("clustering_threshold", 0.0, 2.0),
            ("vbx_fa", 0.001, 100.0),
            ("vbx_fb", 0.001, 100.0),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidOption(f"{name} {value}: it must lie between {low:g} and {high:g}")
        if self.clustering_method not in (None, *LINKAGES):
            raise InvalidOption(f"clustering_method {self.clustering_method!r}: choose one of {', '.join(LINKAGES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOptions:
    """How words and turns are joined (times in seconds; weights are in natural-log odds).

    Attributes:
        uncertain_below: words whose speaker confidence is lower are listed as uncertain.
        reach: turns further from a word are no candidates, unless none is nearer.
        padding: added to both ends of a word, for the boundary error of turns.
        overlap_weight: for a word that a turn covers wholly against one that it does not touch.
        distance_weight: lost per second between a word and a turn that does not touch it.
        match_weight: added for a turn that covers exactly the word and nothing else.
        evidence_range: the most that one word's own evidence can say.
        switch_base: of a change of speaker between two words without a pause.
        switch_pause: added per second of pause.
        longest_pause: pauses count up to this length.
        switch_sentence: added after the end of a sentence.
        longest_word_base: a word lasts at most this long …
        longest_word_per_character: … and this much for each character.
    """

    uncertain_below: float = 0.6
    reach: float = 0.5
    padding: float = 0.05
    overlap_weight: float = 5.5
    distance_weight: float = 2.0
    match_weight: float = 4.0
    evidence_range: float = 8.0
    switch_base: float = -4.0
    switch_pause: float = 2.5
    longest_pause: float = 1.0
    switch_sentence: float = 4.0
    longest_word_base: float = 0.6
    longest_word_per_character: float = 0.09


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationOptions:
    """How words become segments and segments become cues.

    Attributes:
        max_pause: a longer pause (seconds) ends a segment.
        max_segment: a longer segment (seconds) is split at its best place.
        max_chars: characters on a subtitle line, joining spaces counted.
        max_lines: lines of a cue.
        max_duration: seconds a cue stays.
        min_duration: seconds a cue stays at least, where the next one leaves room.
    """

    max_pause: float = 1.0
    max_segment: float = 30.0
    max_chars: int = 42
    max_lines: int = 2
    max_duration: float = 7.0
    min_duration: float = 0.833


SPEAKER_STYLES = ("label", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a transcript is written.

    Attributes:
        speaker_style: ``label`` writes who speaks into subtitles and text, ``none`` leaves it out. RTTM and the
            JSON formats are lists of speakers and always name them.
        max_paragraph: a paragraph of the text format spans at most this many seconds, where segments allow it.
        segmentation: how subtitle cues are cut.

    Raises:
        InvalidOption: there is no such speaker style, or the paragraph length is not positive.
    """

    speaker_style: str = "label"
    max_paragraph: float = 60.0
    segmentation: SegmentationOptions = SegmentationOptions()

    def __post_init__(self) -> None:
        if self.speaker_style not in SPEAKER_STYLES:
            raise InvalidOption(f"speaker style {self.speaker_style!r}: choose one of {', '.join(SPEAKER_STYLES)}")
        if not self.max_paragraph > 0:
            raise InvalidOption(f"paragraphs of {self.max_paragraph} seconds: give a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class RttmTolerance:
    """What the RTTM reader forgives; nothing by default.

    Attributes:
        comments: lines that begin with ``;;`` are skipped.
        tabs: tabs separate fields as spaces do.
        other_types: records of the standard that are no SPEAKER (SPKR-INFO, LEXEME, …) are skipped.
        short_lines: fields after the speaker's name may be missing.
        odd_fields: a channel that does not count from 1 is read as 1; a confidence outside 0 to 1 is left out.
        other_id: where a recording is asked for and the file holds one other recording only, that one is taken.
    """

    comments: bool = False
    tabs: bool = False
    other_types: bool = False
    short_lines: bool = False
    odd_fields: bool = False
    other_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BicSettings:
    """Diarization by likelihood ratios, clustering and resegmentation. A λ of 1 would be the plain criterion
    for frames that were independent of each other.

    Attributes:
        coefficients: mel cepstral coefficients, the energy counted.
        window: speech that is compared on either side of a possible change of speaker, seconds.
        neighbour_lambda: λ for joining neighbouring stretches; higher joins more.
        cluster_lambda: λ for joining clusters; higher finds fewer speakers.
        tolerance: likelihood per frame by which a voice may differ from itself; higher finds fewer speakers.
        quiet_share: share of the speech, its quietest frames, that clustering leaves out.
        rounds: times that clusters are modelled and speech is shared out among them anew; 0 keeps the clusters.
        gaussians: components of a speaker's mixture.
        iterations: of training after each doubling of the components.
        change_penalty: log-likelihood that a change of speaker within running speech costs.
        pause_penalty: the same where a pause lies between.
        boundary_reach: a change moves to the lowest energy within so many seconds; 0 leaves it.
    """

    coefficients: int = 13
    window: float = 2.5
    neighbour_lambda: float = 0.2
    cluster_lambda: float = 0.33
    tolerance: float = 0.8
    quiet_share: float = 0.2
    rounds: int = 2
    gaussians: int = 8
    iterations: int = 5
    change_penalty: float = 250.0
    pause_penalty: float = 50.0
    boundary_reach: float = 0.25

    def __post_init__(self) -> None:
        if self.coefficients < 2 or self.gaussians < 1 or self.iterations < 1 or self.rounds < 0:
            raise InvalidOption(
                f"coefficients {self.coefficients}, gaussians {self.gaussians}, iterations {self.iterations}, rounds "
                f"{self.rounds}: give at least 2, 1, 1 and 0"
            )
        if not self.window > 0 or not 0 <= self.quiet_share < 1:
            raise InvalidOption(
                f"window {self.window}, quiet_share {self.quiet_share}: give a positive window and a share from 0 to "
                "below 1"
            )
        if min(self.tolerance, self.change_penalty, self.pause_penalty, self.boundary_reach) < 0:
            raise InvalidOption(
                f"tolerance {self.tolerance}, change_penalty {self.change_penalty}, pause_penalty "
                f"{self.pause_penalty}, boundary_reach {self.boundary_reach}: none can be negative"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsSettings:
    """One speaker per channel.

    Attributes:
        above_noise: decibels above a channel's noise at which its speaker begins.
        crosstalk: decibels below the loudest other channel at which a channel's own speaker can still begin; what
            is fainter counts as the other's voice in this microphone.
        hysteresis: a speaker who has begun goes on at so many decibels less than it took to begin.
        min_turn: shorter turns are dropped, seconds.
        min_pause: shorter pauses are filled, seconds.
        padding: added to both ends of each turn, seconds.
    """

    above_noise: float = 12.0
    crosstalk: float = 6.0
    hysteresis: float = 4.0
    min_turn: float = 0.15
    min_pause: float = 0.3
    padding: float = 0.05

    def __post_init__(self) -> None:
        values = (self.above_noise, self.crosstalk, self.hysteresis, self.min_turn, self.min_pause, self.padding)
        if not min(values) >= 0:
            raise InvalidOption(
                f"above_noise {self.above_noise}, crosstalk {self.crosstalk}, hysteresis {self.hysteresis}, min_turn "
                f"{self.min_turn}, min_pause {self.min_pause}, padding {self.padding}: none can be negative"
            )
