"""Profiles of people: their voices in plain files of the user's own, one a person.

    ~/.local/share/whisperdiar/people/
      anna-5f2b6c1e.json      name, day of consent, the network, and up to ten samples with their recordings
      calibration.json        thresholds from the user's own recordings, where `calibrate` was run

Voiceprints are biometric data: the folder and its files are for their owner alone, nothing is written without being
asked for, and `Profiles.forget` removes everything.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.errors import FormatError, InvalidOption, OutputError
from whisperdiar.people.embedding import Vector, Voice, VoiceModel
from whisperdiar.people.matching import CALIBRATIONS, UNMEASURED, Calibration
from whisperdiar.system.files import explain_write_error, read_text, write_text
from whisperdiar.system.folders import find_data_folder
from whisperdiar.text.json import read as read_json
from whisperdiar.text.json import write as write_json
from whisperdiar.text.messages import _

FORMAT_VERSION = 1
MOST_SAMPLES = 10
"""Of a profile; of more, those with the least speech go."""
_CALIBRATION = "calibration.json"
_LOCK = ".lock"
_LONGEST_NAME = 200
_LARGEST_DIMENSION = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """The voice of a person in one recording.

    Attributes:
        vector: speaker embedding, of length 1.
        recording: name of the recording.
        speaker: label that the person has in its transcript; None where nobody else speaks in it.
        seconds: of clean speech that the vector was made from.
        date: when it was added, YYYY-MM-DD.
        narrowband, is_narrowband: as of `whisperdiar.people.Voice`; None and False in profiles that do not tell them.
    """

    vector: Vector
    recording: str
    speaker: str | None
    seconds: float
    date: str
    narrowband: Vector | None = None
    is_narrowband: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """A person whose voice is known.

    Attributes:
        name: that people read.
        consent: the day on which the user confirmed that the person agrees, YYYY-MM-DD.
        model: the network that made the samples.
        samples: at least one.
    """

    name: str
    consent: str
    model: VoiceModel
    samples: tuple[Sample, ...]

    @property
    def vector(self) -> Vector:
        """The mean voice, of length 1: every recording counts the same; those by telephone only where all are."""
        return _average([item.vector for item in self.samples if self.is_narrowband or not item.is_narrowband])

    @property
    def narrowband(self) -> Vector | None:
        """The mean voice by telephone, of length 1; None where no sample tells it."""
        known = [item.narrowband for item in self.samples if item.narrowband is not None]
        return _average(known) if known else None

    @property
    def is_narrowband(self) -> bool:
        """Whether the person is known by telephone alone."""
        return all(item.is_narrowband for item in self.samples)

    @property
    def seconds(self) -> float:
        """Of clean speech, over all samples."""
        return sum(item.seconds for item in self.samples)

    def add(self, samples: Iterable[Sample]) -> Profile:
        """With further samples: one of the same speaker in the same recording is replaced, and of more than ten those
        with the most speech stay."""
        kept = {(item.recording, item.speaker): item for item in (*self.samples, *samples)}
        longest = sorted(kept.values(), key=lambda item: -item.seconds)[:MOST_SAMPLES]
        return replace(self, samples=tuple(item for item in kept.values() if item in longest))


def _average(vectors: Sequence[Vector]) -> Vector:
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def data_folder() -> Path:
    """The folder of the profiles among this user's data."""
    return find_data_folder() / "people"


@dataclass(frozen=True, slots=True)
class Profiles:
    """The people whose voices are known, in one folder.

    Several processes may work on it at once: each change is made whole, one after another.

    Attributes:
        folder: made at the first change; by default that of the user.
    """

    folder: Path = field(default_factory=data_folder)

    def read_all(self, *, notify: Callable[[str], None] | None = None) -> tuple[Profile, ...]:
        """Every profile, by name.

        Args:
            notify: told of a file that is damaged, which is passed over; None where that raises.

        Raises:
            FormatError: a file cannot be read; with its name.
        """
        found = []
        for path in self._list():
            try:
                found.append(_read(path))
            except FormatError as error:
                if notify is None:
                    raise
                notify(str(error))
        return tuple(sorted(found, key=lambda item: item.name.casefold()))

    def read(self, name: str) -> Profile:
        """The profile of that person.

        Raises:
            InvalidOption: there is none.
            FormatError: its file is damaged.
        """
        path = self._require(name)
        return _read(path)

    @property
    def model(self) -> VoiceModel | None:
        """The network of the profiles; None where there are none."""
        every = self.read_all(notify=_ignore)
        return every[0].model if every else None

    def add(self, name: str, samples: Sequence[Sample], model: VoiceModel) -> Profile:
        """A new person, or more samples of one who is known already.

        Raises:
            InvalidOption: the name cannot be one, there are no samples, or the profiles are of another network.
            FormatError: the profile that is there is damaged.
            OutputError: it cannot be written; what was there stays as it was.
        """
        name = check_name(name)
        if not samples:
            raise InvalidOption(_("{name}: there is no sample to add; give a recording").format(name=name))
        if any(item.vector.shape != model.probe.shape for item in samples):
            raise InvalidOption(
                _("{name}: the sample is of another network than {model}").format(name=name, model=model)
            )
        with self._change():
            self._check_model(model)
            path = self._path(name)
            if path.exists():
                made = _read(path)
                made = made.add(samples)
            else:
                made = Profile(name=name, consent=today(), model=model, samples=()).add(samples)
            _write(path, made)
        return made

    def take_out(self, recording: str, speaker: str | None, *, name: str | None = None) -> tuple[str, ...]:
        """Removes the samples of a speaker of a recording, and a profile that has no others.

        Args:
            name: of the person; None for everybody.

        Returns:
            The names of those who had one.
        """
        taken = []
        with self._change():
            for path in self._list() if name is None else [self._require(name)]:
                profile = _read(path)
                kept = tuple(i for i in profile.samples if (i.recording, i.speaker) != (recording, speaker))
                if len(kept) == len(profile.samples):
                    continue
                taken.append(profile.name)
                if kept:
                    _write(path, replace(profile, samples=kept))
                else:
                    _unlink(path)
        return tuple(taken)

    def remove_sample(self, name: str, number: int) -> Profile | None:
        """Removes one sample, counted from 1; None where it was the last, and the profile is gone with it.

        Raises:
            InvalidOption: there is no such person or sample.
        """
        with self._change():
            path = self._require(name)
            profile = _read(path)
            if not 1 <= number <= len(profile.samples):
                raise InvalidOption(
                    _("{name}: there is no sample {number}; there are {n_samples}").format(
                        name=profile.name, number=number, n_samples=len(profile.samples)
                    )
                )
            kept = profile.samples[: number - 1] + profile.samples[number:]
            if not kept:
                _unlink(path)
                return None
            made = replace(profile, samples=kept)
            _write(path, made)
            return made

    def remove(self, name: str) -> None:
        """Removes a person, also one whose file is damaged.

        Raises:
            InvalidOption: there is none of that name.
        """
        with self._change():
            _unlink(self._require(name))

    def rename(self, old: str, new: str) -> None:
        """Gives a person another name.

        Raises:
            InvalidOption: there is nobody of the old name, or somebody of the new one.
        """
        new = check_name(new)
        with self._change():
            path, target = self._require(old), self._path(new)
            if target.exists() and target != path:
                raise InvalidOption(
                    _("{name}: there is a profile of this name already; choose another").format(name=new)
                )
            _write(target, replace(_read(path), name=new))
            if target != path:
                _unlink(path)

    def forget(self) -> int:
        """Removes every profile and the thresholds; returns how many people there were.

        Raises:
            OutputError: a file cannot be removed.
        """
        if not self.folder.is_dir():
            return 0
        with self._change():
            paths = self._list()
            for path in [*paths, self.folder / _CALIBRATION, *self.folder.glob(".whisperdiar-*.tmp")]:
                _unlink(path)
        _unlink(self.folder / _LOCK)
        with contextlib.suppress(OSError):  # what else lies there is not ours
            self.folder.rmdir()
        return len(paths)

    def to_dict(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """Profiles as JSON values, to be taken to another machine; those of all people where none is named.

        Raises:
            InvalidOption: there is no such person, or nobody at all.
        """
        found = [self.read(name) for name in names] if names else list(self.read_all())
        if not found:
            raise InvalidOption(_("there are no profiles; make one with `whisperdiar speakers add NAME FILE`"))
        # Where the network lies on this machine is nobody else's business.
        taken = [replace(item, model=replace(item.model, source=_shorten(item.model.source))) for item in found]
        return {"format_version": FORMAT_VERSION, "people": [_to_dict(item) for item in taken]}

    def take_in(self, data: Any, where: str, *, overwrite: bool = False) -> tuple[str, ...]:
        """Adds the profiles that `to_dict` gave; all of them or none. Returns their names.

        Raises:
            FormatError: they are damaged.
            InvalidOption: somebody is known already and is not to be replaced, or they are of another network.
            OutputError: they cannot be written.
        """
        people = data.get("people") if isinstance(data, Mapping) else None
        if not isinstance(people, list) or not people:
            raise FormatError(_("{path}: there are no profiles in it; is it the right file?").format(path=where))
        made = [_from_dict(item, where) for item in people]
        with self._change():
            for profile in made:
                if not overwrite and self._path(profile.name).exists():
                    raise InvalidOption(
                        _("{name}: there is a profile of this name already; add --overwrite to replace it").format(
                            name=profile.name
                        )
                    )
                self._check_model(profile.model)
                if not made[0].model.is_same(profile.model):
                    _refuse_model(made[0].model, profile.model)
            for profile in made:
                _write(self._path(profile.name), profile)
        return tuple(profile.name for profile in made)

    def read_calibration(self, model: VoiceModel) -> Calibration:
        """How distances of the network are judged: by the user's own recordings, where `calibrate` was run with it,
        else as was measured for it; names are only asked for with one that was not.

        Raises:
            FormatError: the file is damaged.
        """
        path = self.folder / _CALIBRATION
        if path.is_file():
            data = _load(path)
            try:
                if _model_from_dict(data["model"], str(path)).is_same(model):
                    wanted = {item.name for item in fields(Calibration)}
                    return Calibration(**{key: value for key, value in data["calibration"].items() if key in wanted})
            except (KeyError, TypeError, AttributeError) as error:
                raise FormatError(
                    _("{path}: these are no thresholds; run `whisperdiar speakers calibrate` again").format(path=path)
                ) from error
        return CALIBRATIONS.get(model.encoder, UNMEASURED)

    def write_calibration(self, calibration: Calibration, model: VoiceModel) -> None:
        """Keeps thresholds that were found in the user's own recordings.

        Raises:
            OutputError: they cannot be written.
        """
        with self._change():
            data = {
                "format_version": FORMAT_VERSION,
                "model": _model_to_dict(model),
                "calibration": asdict(calibration),
            }
            write_text(self.folder / _CALIBRATION, write_json(data), private=True)

    def _list(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        try:
            return sorted(path for path in self.folder.glob("*.json") if path.name != _CALIBRATION)
        except OSError as error:
            raise FormatError(
                _("{path}: it cannot be read ({cause})").format(path=self.folder, cause=error.strerror)
            ) from error

    def _path(self, name: str) -> Path:
        """A file by the name in small letters: readable, and different for every name on every file system."""
        folded = " ".join(name.split()).casefold()
        readable = re.sub(r"[^\w]+", "-", folded).strip("-_")[:40] or "person"
        safe = readable if readable.isascii() else "person"
        return self.folder / f"{safe}-{hashlib.sha256(folded.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}.json"

    def _require(self, name: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            known = ", ".join(item.name for item in self.read_all(notify=_ignore)[:20]) or _("nobody")
            raise InvalidOption(
                _("{name}: there is no such profile; known are: {known}").format(name=name, known=known)
            )
        return path

    def _check_model(self, model: VoiceModel) -> None:
        known = self.model
        if known is not None and not known.is_same(model):
            _refuse_model(known, model)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """One process at a time changes the folder; it is made where it is missing, for its owner alone.

        Raises:
            OutputError: it cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OutputError(f"{self.folder}: {explain_write_error(error)}") from error
        with os.fdopen(descriptor, "r+b") as file:
            _lock(file.fileno())
            yield


def _lock(descriptor: int) -> None:
    """Waits for the lock of a file, which ends with the process at the latest."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            with contextlib.suppress(OSError):  # it gives up after ten seconds
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return
    else:
        import fcntl

        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def check_name(name: str) -> str:
    """The name of a person on one line.

    Raises:
        InvalidOption: it is empty, too long or holds what cannot be shown.
    """
    text = " ".join(name.split())
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise InvalidOption(
            _("name {name!r}: give 1 to {most} letters that can be shown").format(name=name, most=_LONGEST_NAME)
        )
    return text


def today() -> str:
    """YYYY-MM-DD."""
    return datetime.date.today().isoformat()


def make_sample(voice: Voice, recording: str, speaker: str | None) -> Sample:
    """A voice as a sample of today."""
    return Sample(
        vector=voice.vector,
        recording=recording,
        speaker=speaker,
        seconds=voice.seconds,
        date=today(),
        narrowband=voice.narrowband,
        is_narrowband=voice.is_narrowband,
    )


def _refuse_model(known: VoiceModel, given: VoiceModel) -> None:
    raise InvalidOption(
        _(
            "the profiles were made with {made}, and {given} cannot tell their voices: "
            "leave --voice-model out, or forget the profiles and add them again"
        ).format(made=known, given=given)
    )


def _shorten(source: str) -> str:
    """The name of a file without its folders; that of a repository as it is."""
    return Path(source).name if Path(source).is_absolute() else source


def _ignore(message: str) -> None:
    """Whoever only looks for a name says nothing of other files."""


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: {explain_write_error(error)}") from error


def _write(path: Path, profile: Profile) -> None:
    write_text(path, write_json({"format_version": FORMAT_VERSION, **_to_dict(profile)}), sync=True, private=True)


def _read(path: Path) -> Profile:
    data = _load(path)
    version = data.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(str(path), "format_version")
    if version > FORMAT_VERSION:
        raise FormatError(
            _("{path}: a later whisperdiar wrote this profile (version {version}); update whisperdiar").format(
                path=path, version=version
            )
        )
    return _from_dict(data, str(path))


def _load(path: Path) -> dict[str, Any]:
    try:
        data = read_json(read_text(path))
    except FormatError as error:
        if str(error).startswith(str(path)):
            raise
        raise _damaged(str(path), str(error)) from error
    if not isinstance(data, dict):
        raise _damaged(str(path), _("no object"))
    return data


def _damaged(where: str, cause: str) -> FormatError:
    return FormatError(
        _("{path}: the profile is damaged ({cause}); remove it and add the person again").format(
            path=where, cause=cause
        )
    )


def _to_dict(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "consent": profile.consent,
        "model": _model_to_dict(profile.model),
        "samples": [
            {
                "recording": item.recording,
                "speaker": item.speaker,
                "seconds": round(item.seconds, 3),
                "date": item.date,
                "embedding": _encode(item.vector),
                "narrowband": item.is_narrowband,
                "narrowband_embedding": None if item.narrowband is None else _encode(item.narrowband),
            }
            for item in profile.samples
        ],
    }


def _model_to_dict(model: VoiceModel) -> dict[str, Any]:
    return {
        "encoder": model.encoder,
        "source": model.source,
        "dimension": model.dimension,
        "probe": _encode(model.probe),
    }


def _from_dict(data: Any, where: str) -> Profile:
    try:
        model = _model_from_dict(data["model"], where)
        samples = tuple(
            Sample(
                vector=_decode(item["embedding"], model.dimension),
                recording=str(item["recording"]),
                speaker=None if item.get("speaker") is None else str(item["speaker"]),
                seconds=float(item["seconds"]),
                date=str(item["date"]),
                narrowband=(
                    None
                    if item.get("narrowband_embedding") is None
                    else _decode(item["narrowband_embedding"], model.dimension)
                ),
                is_narrowband=item.get("narrowband") is True,
            )
            for item in data["samples"]
        )
        if not samples:
            raise ValueError(_("no samples"))
        return Profile(name=check_name(data["name"]), consent=str(data["consent"]), model=model, samples=samples)
    except FormatError:
        raise
    except KeyError as error:
        raise _damaged(where, _("no {key}").format(key=error.args[0])) from error
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(where, str(error)) from error


def _model_from_dict(data: Any, where: str) -> VoiceModel:
    dimension = data["dimension"]
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 0 < dimension <= _LARGEST_DIMENSION:
        raise _damaged(where, "dimension")
    return VoiceModel(str(data["encoder"]), str(data["source"]), _decode(data["probe"], dimension))


def _encode(vector: Vector) -> str:
    """float32, little-endian, as base64."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")


def _decode(text: str, dimension: int) -> Vector:
    try:
        vector = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError(_("an embedding that cannot be read")) from error
    length = float(np.linalg.norm(vector.astype(np.float64))) if np.isfinite(vector).all() else 0.0
    if vector.shape != (dimension,) or not 0.5 < length < 2.0:
        raise ValueError(_("an embedding that cannot be read"))
    return np.asarray(vector / length, dtype=np.float32)
