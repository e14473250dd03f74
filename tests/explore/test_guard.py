"""What other pages, other names and other machines get: nothing."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),  # DNS rebinding: a foreign name for this machine
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": None}, 400),  # by the server below
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"x-skybind-token": None}, 401),
        ({"x-skybind-token": ""}, 401),
        ({"x-skybind-token": "wrong"}, 401),
        ({"x-skybind-token": "w\xf6rong"}, 401),
    ],
)
@pytest.mark.parametrize("path", ["/api/survey", "/api/find?text=SIM"])
def test_who_may_ask(served, headers, status, path):
    found, _, body = served.ask(path, headers=headers)
    assert found == status
    if status not in (200, 400):
        assert list(json.loads(body)) == ["error"]


def test_its_own_origin_may_ask(served):
    assert served.ask("/api/survey", headers={"Origin": f"http://{served.host}"})[0] == 200


def test_a_token_in_the_query_is_no_token(served):
    path = f"/api/survey?token={served.token}"
    assert served.ask(path, headers={"x-skybind-token": None})[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/static/../../files.py",
        "/..%2f..%2ffiles.py",
        "/app.js/../../guard.py",
        "//etc/passwd",
        "/%00",
        "/sources.sha256",
        "/api/",
        "/api/../app.js",
    ],
)
def test_only_the_page_s_own_files_are_served(served, path):
    status, _, body = served.ask(path)
    assert status == 404
    assert len(body) < 200


@pytest.mark.parametrize("path", ["/", "/app.js", "/app.css", "/api/survey", "/nothing"])
def test_every_answer_says_what_a_browser_may_do(served, path):
    _, headers, _ = served.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_questions_are_asked_not_posted(served, method):
    assert served.ask("/api/survey", method=method)[0] == 405


def test_the_page_has_no_script_or_style_of_its_own(served):
    text = served.ask("/")[2].decode()
    assert text.count("<script") == 1
    assert '<script type="module" src="app.js"></script>' in text
    assert "<style" not in text
    assert " style=" not in text
    assert "http:" not in text
    assert "https:" not in text


def test_the_start_of_skybind_imports_no_server():
    code = (
        "import sys, skybind, skybind.cli; "
        "print([m for m in ('starlette', 'uvicorn', 'torch', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
