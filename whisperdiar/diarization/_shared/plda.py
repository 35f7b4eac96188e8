"""Two-covariance PLDA: speaker embeddings → features in which voices differ along the axes.

A linear discriminant analysis takes the embedding down to fewer dimensions, its length made the same before and after.
Then the two-covariance model says that a voice is drawn from a Gaussian with the covariance between speakers, and each
of its embeddings from one around it with the covariance within a speaker. In the space that `transform` leads to, the
covariance within is the identity and the one between is diagonal.

The files are those of pyannote.audio 4, "speaker-diarization-community-1", trained by BUT Speech@FIT; their weights are
CC BY 4.0. Source: Prince and Elder, "Probabilistic linear discriminant analysis for inferences about identity", ICCV
2007; Brümmer and de Villiers, "The speaker partitioning problem", Odyssey 2010.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, eigh

from whisperdiar.contracts import Progress
from whisperdiar.diarization._shared.clusters import normalise_length
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, describe_error
from whisperdiar.frameworks.pyannote import REVISIONS
from whisperdiar.models.sources import Source
from whisperdiar.options import Runtime
from whisperdiar.text.messages import _

Floats = NDArray[Any]
"""At the precision that comes in: float32 or float64."""

REPOSITORY = "pyannote/speaker-diarization-community-1"
FOLDER = "plda/"
"""Inside the repository."""
FILES = ("xvec_transform.npz", "plda.npz")
_ARRAYS = {FILES[0]: {"mean1": 1, "mean2": 1, "lda": 2}, FILES[1]: {"mu": 1, "tr": 2, "psi": 1}}
"""What the files hold, and the number of axes of each."""
_MOST_DIMENSIONS = 128
"""That are kept, those first in which voices differ most."""


@dataclass(frozen=True, slots=True, eq=False)
class Plda:
    """The model as it is applied.

    Attributes:
        mean: (d,), of embeddings.
        lda: (d, k), the linear discriminant analysis.
        lda_mean: (k,), taken off behind it.
        centre: (k,), of the voices.
        axes: (n, k), the directions in which voices differ, most first; n is at most 128.
        between: (n,), the variance between speakers along each; the one within a speaker is 1.
    """

    mean: Floats
    lda: Floats
    lda_mean: Floats
    centre: Floats
    axes: Floats
    between: Floats

    def transform(self, embeddings: Floats) -> Floats:
        """Embeddings (m, d), such as float32 → features (m, n)."""
        d, k = self.lda.shape
        reduced = (np.sqrt(d) * normalise_length(embeddings - self.mean)) @ self.lda - self.lda_mean
        features: Floats = (np.sqrt(k) * normalise_length(reduced) - self.centre) @ self.axes.T
        return features


def find(named: str, runtime: Runtime, progress: Progress) -> tuple[Path, Path]:
    """The two files in a folder, or in a repository of the hub; in either they may lie in a folder ``plda``.

    Raises:
        ModelUnavailable: one is not here and cannot be fetched; that of pyannote needs the variable HF_TOKEN.
    """
    source = Source.of(named, runtime, revisions=REVISIONS, progress=progress)
    path = source.path
    if path is None:
        inside = FOLDER
    elif path.is_file():
        raise ModelUnavailable(
            _("plda {named} is a file: give the folder that holds {files}").format(
                named=named, files=" and ".join(FILES)
            )
        )
    else:
        inside = FOLDER if (path / FOLDER).is_dir() and not (path / FILES[1]).is_file() else ""
    folder = source.folder([inside + name for name in FILES])
    return folder / (inside + FILES[0]), folder / (inside + FILES[1])


def load(files: tuple[Path, Path], *, dimension: int, embedding: str) -> Plda:
    """The model in the two files, for embeddings of that dimension.

    The eigenvalue problem is solved at the precision of the file, as pyannote.audio solves it, although the rows of
    ``tr`` are its solution: so it is rounded alike.

    Args:
        dimension: of the embeddings that will come.
        embedding: the name of their model, for messages.

    Raises:
        BackendBroken: a file holds something else.
        InvalidOption: it was trained for embeddings of another dimension.
    """
    first, second = (_arrays(path) for path in files)
    mean, lda_mean, lda = first["mean1"], first["mean2"], first["lda"]
    centre, rows, psi = second["mu"], second["tr"], second["psi"]
    d, k = lda.shape
    fits = (mean.shape, lda_mean.shape, centre.shape, rows.shape, psi.shape) == ((d,), (k,), (k,), (k, k), (k,))
    if not fits:
        raise BackendBroken(
            _("{file} does not fit {name}, which gives {size} dimensions: fetch both anew").format(
                file=files[1], name=files[0].name, size=k
            )
        )
    if d != dimension:
        raise InvalidOption(
            _(
                "plda {parent} is for embeddings of {size} dimensions, {embedding} gives {dimension}: give the "
                "embedding_model that the PLDA was trained with, or leave clustering_method=vbx out"
            ).format(parent=files[1].parent, size=d, embedding=embedding, dimension=dimension)
        )
    try:
        within = np.linalg.inv(rows.T @ rows)
        variances, vectors = eigh(np.linalg.inv((rows.T / psi) @ rows), within)
    except (LinAlgError, ValueError) as error:
        raise BackendBroken(
            _("{file} holds no usable PLDA ({cause}): fetch it anew").format(file=files[1], cause=describe_error(error))
        ) from error
    kept = slice(None, -1 - _MOST_DIMENSIONS, -1)
    return Plda(mean, lda, lda_mean, centre, vectors.T[kept], variances[kept])


def _arrays(path: Path) -> dict[str, Floats]:
    """The arrays of one of the files, by name."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: np.asarray(archive[name]) for name in _ARRAYS[path.name]}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise BackendBroken(
            _("{path} cannot be read as part of a PLDA ({cause}): fetch it anew").format(
                path=path, cause=describe_error(error)
            )
        ) from error
    for name, n_axes in _ARRAYS[path.name].items():
        array = found[name]
        if array.ndim != n_axes or array.dtype.kind != "f" or not array.size or not np.isfinite(array).all():
            raise BackendBroken(_("{path} holds no usable {name}: fetch it anew").format(path=path, name=name))
    if (found.get("psi", np.ones(1)) <= 0.0).any():
        raise BackendBroken(_("{path} holds a variance that is not positive: fetch it anew").format(path=path))
    return found
