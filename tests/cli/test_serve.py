"""`bestiary serve`: read only, for this machine, and for nobody else's pages."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.report.chromium import open_page
from tests.tune.study import answer, study

from bestiary.cli import main
from bestiary.cli._folders import reading
from bestiary.cli._server import StudyPages, server
from bestiary.specs import run_id
from bestiary.store import StudyStore


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "study"
    question = study()
    results, order = answer(question)
    with StudyStore.create(path, question) as store:
        store.plan(order)
        for one in order:
            identity = run_id(one.run)
            store.commit(results[identity], store.begin_attempt(identity))
    return path


@pytest.fixture(params=[""])
def port(folder: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    pages = StudyPages(partial(reading, str(folder)))
    with server(pages, "127.0.0.1", 0, request.param) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving.server_address[1]
        serving.shutdown()
        thread.join()


def asked(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    got = connection.getresponse()
    text, cookie = got.read().decode(), got.getheader("Set-Cookie", "")
    connection.close()
    return got.status, text, cookie


@pytest.mark.slow
def test_how_far_a_study_is(port: int, folder: Path) -> None:
    status, text, _ = asked(port, "/status.json")
    found = json.loads(text)
    assert (status, found["done"], found["at_most"]) == (200, found["done"], found["done"])
    assert {"optimizer", "size", "best"} <= set(found["cells"][0])
    status, page, _ = asked(port, "/")
    assert (status, "which?" in page) == (200, True)
    assert (
        "http" not in page.replace("http-equiv", "").replace("https", "http").split("<script>")[1]
    )


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/../etc/passwd", "GET", {}, 404),
        ("/", "POST", {}, 501),
        ("/", "DELETE", {}, 501),
        ("/status.json", "GET", {"Host": "evil.example"}, 403),
        ("/status.json", "GET", {"Sec_Fetch_Site": "cross-site"}, 403),
        ("/status.json", "GET", {"Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
def test_what_is_not_a_read_from_here_is_refused(
    port: int, path: str, method: str, headers: dict, status: int
) -> None:
    assert asked(port, path, method, **headers)[0] == status


@pytest.mark.parametrize("port", ["secret"], indirect=True)
def test_another_address_needs_the_token(port: int) -> None:
    assert asked(port, "/status.json")[0] == 403
    assert asked(port, "/status.json?token=wrong")[0] == 403
    status, _, cookie = asked(port, "/?token=secret")
    assert status == 200
    assert "HttpOnly; SameSite=Strict" in cookie
    assert asked(port, "/status.json", Cookie="bestiary=secret")[0] == 200


def test_mistakes_are_told(
    port: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path)]) == 2
    assert "holds no study" in capsys.readouterr().err
    assert main(["serve", str(folder), "--port", str(port)]) == 2
    assert "choose another --port" in capsys.readouterr().err
    assert main(["serve", str(folder), "--host", "192.0.2.1"]) == 2  # an address for documents
    assert "choose another --host" in capsys.readouterr().err


@pytest.mark.slow
def test_a_browser_shows_it_without_a_complaint(port: int, tmp_path: Path) -> None:
    assert asked(port, "/report")[0] == 200
    opened = open_page(f"http://127.0.0.1:{port}/", tmp_path / "profile")
    assert 'data-looked="' in opened.dom
    assert "runs; nobody drives it" in opened.dom
    assert opened.complaints == []
