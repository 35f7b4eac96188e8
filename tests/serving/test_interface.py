"""Requests drawn from the description of the interface, and damaged recordings: each gets an answer, no server ends."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing.mutation import mutate
from fuzzing.targets import SEEDS
from tests.examples import examples
from tests.serving.conftest import Running
from tests.serving.test_safety import ASK, error_of

ROUTES = ((ASK, "file"), ("/asr?output=json", "audio_file"), ("/v1/audio/diarization", "file"))


def test_what_the_description_allows_and_what_it_forbids_gets_an_answer(server: Running) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (Python 3.11 and later)")
    from schemathesis import GenerationMode

    description = server.get("/openapi.json").json()
    assert {"file", "known_speaker_names[]"} <= set(
        description["paths"][ASK]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    )
    schema = schemathesis.openapi.from_dict(description)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 15
    cases = [item.as_strategy(generation_mode=mode) for item in operations for mode in GenerationMode]

    @settings(max_examples=examples(120), deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(cases))
    def ask(case: Any) -> None:
        answer = case.call(base_url=server.url, timeout=60)
        assert answer.status_code < 500 or answer.status_code == 501, (case.method, case.path, answer.text)
        if answer.status_code >= 400:
            error: dict[str, Any] = answer.json()["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert "\n" not in error["message"]

    ask()
    assert server.get("/health").status_code == 200


@pytest.mark.parametrize("name", sorted(path.name for path in (SEEDS / "sound").iterdir()))
def test_a_recording_of_every_kind_is_heard(server: Running, name: str) -> None:
    answer = server.send(ASK, SEEDS / "sound" / name, response_format="verbose_json")
    assert answer.status_code == 200, answer.text


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), route=st.sampled_from(ROUTES))
def test_a_damaged_recording_is_heard_or_refused_in_a_line(server: Running, seed: int, route: tuple[str, str]) -> None:
    seeds = [path.read_bytes() for path in sorted((SEEDS / "sound").iterdir())]
    data = mutate(seeds, (b"RIFF", b"ftyp", b"\xff\xff\xff\xff", b"#EXTM3U\n"), random.Random(seed))
    answer = server.post(route[0], files={route[1]: ("damaged.wav", data)})
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert ".media" not in error_of(answer)["message"]


DAMAGED = (b"", b"{", b"[" * 100_000, b"null", b'{"segments": 1}', b"\xff\xfe", b'{"schema": "x", "segments": []}')


def test_a_correction_that_is_none_changes_nothing(server: Running, talk: Any) -> None:
    import httpx

    job_id = server.send("/jobs", talk).json()["id"]
    with httpx.stream("GET", f"{server.url}/jobs/{job_id}/events", timeout=60) as stream:
        stream.read()
    before = server.get(f"/jobs/{job_id}/result").text
    path = f"{server.url}/jobs/{job_id}/result"
    for data in (*DAMAGED, before.replace("stand_up", "other").encode()):
        answer = httpx.put(path, content=data, timeout=60)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_transcript"), data[:40]
    answer = httpx.put(path, content=before.encode(), params={"base": 0, "after": 5}, timeout=60)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "corrected_meanwhile")
    assert httpx.put(path, content=before.encode(), params={"base": 7}, timeout=60).status_code == 404
    assert server.get(f"/jobs/{job_id}/result").text == before
    changed = json.loads(before)
    changed["speakers"][0]["name"] = "Анна"
    assert httpx.put(path, json=changed, timeout=60).json()["version"] == 1
    assert "Анна" in server.get(f"/jobs/{job_id}/result", params={"format": "txt"}).text
