"""The sessions with clients that the documentation shows, held again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from docs import make_client_sessions as sessions
from tests.serving.conftest import Running, running

pytest.importorskip("openai", reason="the client of OpenAI is not installed")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for recordings of any length."""
    with running(tmp_path_factory.mktemp("patient")) as made:
        yield made


@pytest.mark.parametrize("number", range(len(sessions.SESSIONS)))
def test_a_client_prints_what_the_documentation_says(patient: Running, number: int) -> None:
    session = sessions.SESSIONS[number]
    if session.language == "sh" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    shown = sessions.read_outputs()
    assert len(shown) == len(sessions.SESSIONS)
    assert sessions.run(session, patient.url).rstrip() == shown[number].rstrip()
