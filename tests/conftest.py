"""What holds for every test."""

from __future__ import annotations

import compileall
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.examples import BY_DEFAULT

# Read once, when the hub's client is imported: no test may wait for a network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Messages are compared in English, whatever the language of the machine.
os.environ["WHISPERDIAR_UI_LANGUAGE"] = "en"
# What one test finds is no other test's business; those of the cache switch it on.
os.environ["WHISPERDIAR_NO_CACHE"] = "1"
# Read when OpenMP and BLAS load. Matrices of tests are small: further threads spin more than they compute, and take the
# cores of the other worker (pytest -n). Threads that a test asks for by number are had all the same.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests start hundreds of processes, which need not compile the package anew where there is bytecode. None of them
# writes it: the limits of a test of full disks would cut it off. Workers (pytest -n) find what the process that starts
# them has made.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
if "PYTEST_XDIST_WORKER" not in os.environ:
    compileall.compile_dir(Path(__file__).parents[1] / "whisperdiar", quiet=2, workers=0)

# Tests in the background (a shell's &, nohup) ignore these signals, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Machines that run tests are busy: how long an example takes says nothing about the code. How many are tried (see
# `tests.examples`): developers' machines go on searching; where a change is judged, a tenth, the same each time, so
# that it is no draw of the day; by night all, drawn anew (pytest --nightly).
settings.register_profile("whisperdiar", deadline=None, max_examples=BY_DEFAULT)
settings.register_profile("ci", deadline=None, max_examples=BY_DEFAULT // 10, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=BY_DEFAULT, derandomize=False, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "whisperdiar")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--nightly", action="store_true", help="also tests marked nightly, and properties on all their examples"
    )


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    if config.getoption("--nightly"):
        settings.load_profile("nightly")


_WITH_PYANNOTE = frozenset(
    f"test_{name}"
    for name in (
        *("agglomerative", "backends", "diarizers", "embedding", "finetuning", "onnx", "pyannote", "pyannote_hub"),
        *("pyannote_parts", "pyannote_vad", "sortformer", "tuning"),
    )
)
"""Files that one worker runs (pytest -n 2 --dist loadfile): what they import takes ten seconds of processor time."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With --dist loadfile a file's tests stay on one worker, and those of `_WITH_PYANNOTE` are as one file."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "pyannote" if Path(file).stem in _WITH_PYANNOTE else file

    return Files(config, log)


def _name_lazy_modules() -> None:
    """SpeechBrain leaves modules in sys.modules that import optional packages as soon as anybody looks at them, and
    Hypothesis looks at the file of every module. An attribute that is there is not looked for."""
    for module in list(sys.modules.values()):
        if type(module).__module__ == "speechbrain.utils.importutils" and "__file__" not in vars(module):
            module.__file__ = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _name_lazy_modules()
    if not config.getoption("--nightly"):
        late = [item for item in items if item.get_closest_marker("nightly")]
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=late)


def pytest_collection_finish() -> None:
    """What is there now, with every test and library, stays: the collector need not look through it again and again.
    While it came, that took a quarter of the time. What is loaded later, PyTorch and NeMo among it, stays as well."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 100)
    gc.enable()


@pytest.fixture(autouse=True)
def _lazy_modules() -> None:
    _name_lazy_modules()
