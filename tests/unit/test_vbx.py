"""VBx clustering with a PLDA: pyannote.audio's results on the same embeddings and files."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.contracts import no_progress
from whisperdiar.diarization._shared import plda as _plda
from whisperdiar.diarization._shared.windows import NOBODY
from whisperdiar.diarization.onnx import agglomerative, vbx
from whisperdiar.diarization.onnx.k_means import k_means
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable
from whisperdiar.frameworks.pyannote import silence_pyannote
from whisperdiar.options import OnnxSettings, Runtime
from whisperdiar.options.onnx import VBX_FA, VBX_FB, VBX_THRESHOLD
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

PUBLISHED = {"threshold": VBX_THRESHOLD, "fa": VBX_FA, "fb": VBX_FB}
OFFLINE = Runtime(offline=True)
FEW = settings(deadline=None, max_examples=examples(25))


def trained_plda(folder: Path, *, seed: int = 0, d: int = 256, k: int = 128, dtype: str = "float64") -> Path:
    """Random parameters of the published shapes, at the published precision or a lower one."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "xvec_transform.npz",
        mean1=0.02 * random.normal(size=d).astype(dtype),
        mean2=random.normal(size=k).astype(dtype),
        lda=(np.linalg.qr(random.normal(size=(d, k)))[0] * random.uniform(0.5, 2.0, size=k)).astype(dtype),
    )
    np.savez(
        folder / "plda.npz",
        mu=0.1 * random.normal(size=k).astype(dtype),
        tr=(np.eye(k) + 0.05 * random.normal(size=(k, k))).astype(dtype),
        psi=np.sort(random.uniform(0.05, 6.0, size=k))[::-1].astype(dtype),
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_plda(tmp_path_factory.mktemp("plda"))


def ours(folder: Path, d: int = 256) -> _plda.Plda:
    return _plda.load(_plda.find(str(folder), OFFLINE, no_progress), dimension=d, embedding="voices")


@pytest.fixture(scope="module", autouse=True)
def _pyannote() -> None:
    """Imported before any example is drawn (see `tests.conftest`)."""
    with silence_pyannote(), contextlib.suppress(ImportError):
        importlib.import_module("pyannote.audio.pipelines.clustering")


def pyannote(module: str) -> Any:
    with silence_pyannote():
        return pytest.importorskip(f"pyannote.audio.{module}", reason="pyannote.audio is not installed")


def theirs(folder: Path) -> Any:
    return pyannote("core.plda").PLDA.from_pretrained(folder)


def voices(n: int, n_voices: int, *, spread: float, seed: int = 0, d: int = 256) -> tuple[Any, Any]:
    """Embeddings float32 (n, d) around as many directions, and the voice of each; every voice has one at least."""
    random = np.random.default_rng(seed)
    who = np.concatenate([np.arange(n_voices), random.integers(0, n_voices, size=max(0, n - n_voices))])[:n]
    random.shuffle(who)
    centres = random.normal(size=(n_voices, d))
    return (centres[who] + spread * random.normal(size=(n, d))).astype(np.float32), who


def windows(
    n: int, n_voices: int, *, spread: float, seed: int = 0, n_frames: int = 50, d: int = 256
) -> tuple[Any, Any, Any]:
    """Embeddings (n, 3, d), who talks when (n, n_frames, 3) and the voices (n, 3), some local speakers silent, some
    short, some never alone."""
    random = np.random.default_rng(seed)
    flat, _ = voices(3 * n, n_voices, spread=spread, seed=seed, d=d)
    active = np.zeros((n, n_frames, 3), dtype=bool)
    for window in range(n):
        for local in range(int(random.integers(1, 4))):
            start = int(random.integers(0, n_frames))
            active[window, start : start + int(random.integers(1, n_frames)), local] = True
    return flat.reshape(n, 3, d), active, random


def chosen_of(active: Any) -> Any:
    alone = (active * (active.sum(axis=2, keepdims=True) == 1)).sum(axis=1)
    return alone >= 0.2 * active.shape[1]


def expected_clusters(
    folder: Path, embeddings: Any, active: Any, speakers: SpeakerCount, parameters: dict[str, float] = PUBLISHED
) -> Any:
    core = pytest.importorskip("pyannote.core", reason="pyannote.core is not installed")
    clustering = pyannote("pipelines.clustering").VBxClustering(theirs(folder), metric="cosine")
    clustering.instantiate({"threshold": parameters["threshold"], "Fa": parameters["fa"], "Fb": parameters["fb"]})
    grid = core.SlidingWindow(duration=10.0, step=1.0)
    found, _, _ = clustering(
        embeddings.copy(),
        segmentations=core.SlidingWindowFeature(active.astype(np.float32), grid),
        num_clusters=speakers.exact,
        min_clusters=speakers.minimum or 1,
        max_clusters=speakers.maximum or np.inf,
    )
    found = np.array(found, dtype=np.int64)
    found[~active.any(axis=1)] = NOBODY
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("given_as", ["float64", "float32"])
def test_features_are_those_of_pyannote(tmp_path: Path, dtype: str, given_as: str) -> None:
    plda = trained_plda(tmp_path, dtype=dtype, seed=3)
    embeddings = voices(40, 4, spread=0.7)[0].astype(given_as)
    expected, found = theirs(plda), ours(plda)
    np.testing.assert_allclose(found.transform(embeddings), expected(embeddings), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.between, expected.phi, rtol=0, atol=1e-9)


def test_within_a_speaker_the_features_have_unit_covariance(folder: Path) -> None:
    """What the model says of itself: the covariance within is the identity, the one between is diagonal."""
    plda, files = ours(folder), np.load(folder / "plda.npz")
    within = np.linalg.inv(files["tr"].T @ files["tr"])
    between = np.linalg.inv((files["tr"].T / files["psi"]) @ files["tr"])
    np.testing.assert_allclose(plda.axes @ within @ plda.axes.T, np.eye(128), atol=1e-9)
    np.testing.assert_allclose(plda.axes @ between @ plda.axes.T, np.diag(plda.between), atol=1e-9)
    assert (np.diff(plda.between) <= 0.0).all()


def test_at_most_128_dimensions_are_kept(tmp_path: Path) -> None:
    plda = trained_plda(tmp_path, d=256, k=140)
    embeddings = voices(9, 3, spread=0.7)[0]
    assert ours(plda).transform(embeddings).shape == (9, 128)
    np.testing.assert_allclose(ours(plda).transform(embeddings), theirs(plda)(embeddings), rtol=0, atol=1e-9)


@given(st.integers(1, 80), st.integers(1, 12), st.floats(0.3, 1.5), st.integers(0, 999), st.sampled_from([0.8, 5.0]))
@FEW
def test_responsibilities_and_weights_are_those_of_pyannote(
    folder: Path, n: int, n_first: int, spread: float, seed: int, fb: float
) -> None:
    embeddings, _ = voices(n, min(n, 4), spread=spread, seed=seed)
    plda = ours(folder)
    features = plda.transform(embeddings)
    first = np.unique(np.random.default_rng(seed).integers(0, n_first, size=n), return_inverse=True)[1]
    expected, weights = pyannote("utils.vbx").cluster_vbx(first, features, plda.between, Fa=0.07, Fb=fb, maxIters=20)
    found = vbx.infer_responsibilities(features, plda.between, first.astype(np.int64), fa=0.07, fb=fb)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found[1], weights, rtol=0, atol=1e-7)


COUNTS = (None, None), (1, 1), (2, 2), (3, 3), (6, 6), (None, 2), (5, None), (2, 4)


@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.floats(0.2, 1.5),
    st.integers(0, 999),
    st.sampled_from([SpeakerCount(*bounds) for bounds in COUNTS]),
)
@FEW
def test_clusters_are_those_of_pyannote(
    folder: Path, n: int, n_voices: int, spread: float, seed: int, speakers: SpeakerCount
) -> None:
    embeddings, active, _ = windows(n, n_voices, spread=spread, seed=seed)
    chosen = chosen_of(active)
    if chosen.sum() < max(2, speakers.minimum or 1):
        speakers = ANY_SPEAKERS  # scikit-learn raises where more are asked for than there are embeddings
    expected = expected_clusters(folder, embeddings, active, speakers)
    found = vbx.cluster(embeddings, active, chosen, ours(folder), speakers=speakers, **PUBLISHED)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("changed", [{"threshold": 0.9}, {"fa": 0.4}, {"fb": 12.0}], ids=str)
def test_parameters_act_as_in_pyannote(folder: Path, changed: dict[str, float]) -> None:
    embeddings, active, _ = windows(40, 5, spread=1.2, seed=4)
    parameters = {"threshold": 0.5, "fa": 0.05, "fb": 2.0}
    found = {}
    for name, own in (("usual", parameters), ("changed", parameters | changed)):
        found[name] = vbx.cluster(embeddings, active, chosen_of(active), ours(folder), speakers=ANY_SPEAKERS, **own)
        np.testing.assert_array_equal(found[name], expected_clusters(folder, embeddings, active, ANY_SPEAKERS, own))


def test_few_embeddings_are_one_speaker(folder: Path) -> None:
    embeddings, active, _ = windows(3, 3, spread=0.2)
    active[:] = False
    active[1, :, 0] = active[2, :2, 1] = True
    for n_chosen in (0, 1):
        chosen = chosen_of(active) & (n_chosen > 0)
        assert chosen.sum() == n_chosen
        found = vbx.cluster(embeddings, active, chosen, ours(folder), speakers=SpeakerCount(2, 2), **PUBLISHED)
        assert found[1, 0] == found[2, 1] == 0
        assert (np.delete(found.ravel(), [3, 7]) == NOBODY).all()


def test_more_speakers_than_embeddings_are_as_many_as_there_are(folder: Path) -> None:
    embeddings, active, _ = windows(4, 4, spread=0.3, seed=1)
    active[:] = False
    active[:, :, 0] = True
    found = vbx.cluster(embeddings, active, chosen_of(active), ours(folder), speakers=SpeakerCount(6, 6), **PUBLISHED)
    assert sorted(found[:, 0].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(4))
def test_an_embedding_without_numbers_decides_nothing(folder: Path, seed: int) -> None:
    embeddings, active, random = windows(12, 3, spread=0.4, seed=seed)
    embeddings[random.integers(0, 12, size=4), random.integers(0, 3, size=4)] = np.nan
    expected = expected_clusters(folder, embeddings, active, ANY_SPEAKERS)
    chosen = chosen_of(active)
    found = vbx.cluster(embeddings, active, chosen, ours(folder), speakers=ANY_SPEAKERS, **PUBLISHED)
    np.testing.assert_array_equal(found, expected)


def test_two_local_speakers_of_a_window_are_never_the_same(folder: Path) -> None:
    embeddings, active, _ = windows(60, 5, spread=1.0, seed=2)
    found = vbx.cluster(embeddings, active, chosen_of(active), ours(folder), speakers=ANY_SPEAKERS, **PUBLISHED)
    for own in found:
        heard = own[own != NOBODY].tolist()
        assert len(set(heard)) == len(heard)


@given(
    st.integers(1, 60),
    st.integers(1, 8),
    st.floats(0.05, 1.5),
    st.integers(0, 999),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
)
@FEW
def test_k_means_is_that_of_scikit_learn(
    n: int, k: int, spread: float, seed: int, precision: str, rounded: bool
) -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed")
    points = voices(n, min(n, 5), spread=spread, seed=seed, d=16)[0].astype(precision)
    # Some points are the same ones.
    points = np.round(points) if rounded and len(np.unique(np.round(points), axis=0)) >= k else points
    points /= np.linalg.norm(points, axis=1, keepdims=True) + 1e-3
    k = min(k, n)
    expected = cluster.KMeans(n_clusters=k, n_init=3, random_state=42).fit_predict(points)
    found = k_means(points, k)
    # Of points that are equally near to two centres, rounding decides; such a clustering is as good.
    assert (found == expected).all() or spread_within(points, found) <= spread_within(points, expected) * (1 + 1e-4)


def spread_within(points: Any, labels: Any) -> float:
    """The sum of squared distances to the means of the clusters, in float64."""
    parts = [points[labels == label].astype(np.float64) for label in np.unique(labels)]
    return float(sum(np.square(part - part.mean(axis=0)).sum() for part in parts))


def test_k_means_of_equal_points_ends() -> None:
    assert len(set(k_means(np.ones((5, 3)), 3).tolist())) >= 1


@given(st.integers(1, 8), st.integers(0, 99))
@FEW
def test_the_number_of_speakers_asked_for_is_reached(folder: Path, n_voices: int, seed: int) -> None:
    embeddings, active, _ = windows(30, n_voices, spread=0.3, seed=seed)
    chosen = chosen_of(active)
    found = vbx.cluster(
        embeddings, active, chosen, ours(folder), speakers=SpeakerCount(n_voices, n_voices), **PUBLISHED
    )
    assert set(found[found != NOBODY].tolist()) == set(range(n_voices))


def test_many_embeddings_begin_with_clusters_of_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, active, _ = windows(150, 4, spread=0.3, seed=3)
    chosen = chosen_of(active)
    whole = vbx.cluster(embeddings, active, chosen, ours(folder), speakers=ANY_SPEAKERS, **PUBLISHED)
    monkeypatch.setattr(agglomerative, "MOST_AT_ONCE", 60)
    monkeypatch.setattr(agglomerative, "_BLOCK", 20)
    monkeypatch.setattr(vbx, "_BLOCK", 7)
    in_blocks = vbx.cluster(embeddings, active, chosen, ours(folder), speakers=ANY_SPEAKERS, **PUBLISHED)
    pairs = set(zip(whole.ravel().tolist(), in_blocks.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 5


class TestFiles:
    def test_in_a_folder_of_their_own_or_inside_one(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "plda").symlink_to(folder, target_is_directory=True)
        for named in (folder, tmp_path):
            assert ours(named).between.shape == (128,)

    def test_of_the_hub_as_the_client_stores_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        revision = "3533c8cf8e369892e6b79ff1bf80f7b0286a54ee"
        cache = tmp_path / "models--pyannote--speaker-diarization-community-1"
        trained_plda(cache / "snapshots" / revision / "plda")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        found = _plda.find(_plda.REPOSITORY, OFFLINE, no_progress)
        assert [path.name for path in found] == list(_plda.FILES)
        assert found[0].parent.name == "plda"

    def test_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailable, match=r"holds no xvec_transform\.npz and no plda\.npz; give the folder"):
            _plda.find(str(tmp_path), OFFLINE, no_progress)
        with pytest.raises(ModelUnavailable, match="no such file or folder; give one"):
            _plda.find(str(tmp_path / "nowhere"), OFFLINE, no_progress)
        with pytest.raises(ModelUnavailable, match="is a file: give the folder"):
            _plda.find(str(trained_plda(tmp_path) / "plda.npz"), OFFLINE, no_progress)

    def test_for_another_embedding(self, folder: Path) -> None:
        with pytest.raises(InvalidOption, match=r"embeddings of 256 dimensions, voices gives 512: give the embedding"):
            ours(folder, d=512)

    @pytest.mark.parametrize("name", _plda.FILES)
    @pytest.mark.parametrize("damage", ["cut", "empty", "text", "pickle", "array", "lacking", "shape", "nan", "int"])
    def test_that_are_damaged(self, folder: Path, tmp_path: Path, name: str, damage: str) -> None:
        for file in _plda.FILES:
            (tmp_path / file).write_bytes((folder / file).read_bytes())
        path = tmp_path / name
        arrays = dict(np.load(path))
        one = "lda" if "lda" in arrays else "tr"
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:3000])
        elif damage == "empty":
            path.write_bytes(b"")
        elif damage == "text":
            path.write_text("version https://git-lfs.github.com/spec/v1\n")
        elif damage == "array":
            with path.open("wb") as file:
                np.save(file, arrays[one])
        elif damage == "lacking":
            np.savez(path, **{key: value for key, value in arrays.items() if key != one})
        else:
            changed = {
                "pickle": np.array([{}], dtype=object),
                "shape": arrays[one][:, :-1],
                "nan": np.full_like(arrays[one], np.nan),
                "int": arrays[one].astype(np.int64),
            }
            np.savez(path, **(arrays | {one: changed[damage]}))
        with pytest.raises(BackendBroken, match=r"fetch (it|both) anew") as caught:
            ours(tmp_path)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)

    @pytest.mark.parametrize("name", ["tr", "psi"])
    def test_without_a_usable_model(self, folder: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / _plda.FILES[0]).write_bytes((folder / _plda.FILES[0]).read_bytes())
        arrays = dict(np.load(folder / _plda.FILES[1]))
        np.savez(tmp_path / _plda.FILES[1], **(arrays | {name: np.zeros_like(arrays[name])}))
        with pytest.raises(BackendBroken, match="fetch it anew"):
            ours(tmp_path)


def test_settings_that_do_not_fit_each_other() -> None:
    OnnxSettings(exact=True, clustering_method="vbx", plda="folder", vbx_fa=0.1, vbx_fb=2.0, clustering_threshold=0.5)
    for setting in ({"plda": "folder"}, {"vbx_fa": 0.1}, {"vbx_fb": 2.0, "clustering_method": "ward"}):
        with pytest.raises(InvalidOption, match="only clustering_method=vbx has it"):
            OnnxSettings(exact=True, **setting)
    with pytest.raises(InvalidOption, match="speakers of any size"):
        OnnxSettings(exact=True, clustering_method="vbx", min_cluster_size=3)
    with pytest.raises(InvalidOption, match="only the exact mode"):
        OnnxSettings(exact=False, clustering_method="vbx")
    with pytest.raises(InvalidOption, match="vbx_fa 0"):
        OnnxSettings(exact=True, clustering_method="vbx", vbx_fa=0.0)
    with pytest.raises(InvalidOption, match="weighted, vbx"):
        OnnxSettings(exact=True, clustering_method="VB")
