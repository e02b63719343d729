"""A server of one study, read only: its page, how far it is, and its report so far."""

import errno
import json
import secrets
from collections.abc import Callable
from functools import partial
from html import escape
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bestiary.cli._how_far import how_far, plain
from bestiary.errors import BestiaryError, UserError
from bestiary.store import StudyStore

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "bestiary"
_HTML, _JSON = "text/html; charset=utf-8", "application/json"
Answer = tuple[str, str]
_OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)  # the rest is the address's


class StudyPages:
    """What the server answers, read from the store each time; the report when runs have ended."""

    def __init__(self, open_store: Callable[[], StudyStore]) -> None:
        """Serve the study that this opens, read-only."""
        self._open = open_store
        self._report: tuple[int, str] = (-1, "")
        self._lock = Lock()

    def answer(self, path: str) -> Answer | None:
        """The type and the text of a page; None where there is none of that name."""
        pages = {"/": self._live, "/status.json": self._status, "/report": self._report_so_far}
        return pages[path]() if path in pages else None

    def _live(self) -> Answer:
        from bestiary.report import live_page

        with self._open() as store:
            return _HTML, live_page(store.study.name, store.study.question)

    def _status(self) -> Answer:
        with self._open() as store:
            return _JSON, json.dumps(plain(how_far(store)[-1]), allow_nan=False)

    def _report_so_far(self) -> Answer:
        """Worked out once for every number of finished runs, and by one request at a time."""
        from bestiary.answers.report import analyse
        from bestiary.cli._results import evidence_in
        from bestiary.report import page

        with self._lock, self._open() as store:
            finished = len(store.results())
            if finished != self._report[0]:
                try:
                    self._report = finished, page(analyse(evidence_in(store)))
                except UserError as error:
                    return _HTML, f"<p>No report yet: {escape(str(error))}</p>"
            return _HTML, self._report[1]


class _Handler(BaseHTTPRequestHandler):
    """Answers reads that come from this very address; nothing can be changed."""

    server_version, sys_version = "bestiary", ""
    timeout = 30

    def __init__(self, pages: StudyPages, token: str, *arguments: Any) -> None:
        self._pages = pages
        self._token = token
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer, or say why not."""
        address = urlsplit(self.path)
        if refusal := self._refusal(parse_qs(address.query).get("token", [""])[0]):
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", refusal)
            return
        try:
            found = self._pages.answer(address.path)
        except BestiaryError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", str(error))
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "no such page")
        else:
            self._send(HTTPStatus.OK, *found)

    def _refusal(self, token: str) -> str:
        """Why a request is not answered: a page of somebody else's, or no token."""
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "a page from another origin may not read this study"
        if self._token:
            given = token or self._cookie()
            known = secrets.compare_digest(given.encode(), self._token.encode())
            return "" if known else "open the address with the token that the server printed"
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return "" if host in LOOPBACK else "name this server by 127.0.0.1 or localhost"

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return found.value if found else ""

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", "frame-ancestors 'self'")
        if self._token and status == HTTPStatus.OK:
            cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on the terminal."""
        del format, arguments


def server(pages: StudyPages, host: str, port: int, token: str) -> ThreadingHTTPServer:
    """The server, bound and not yet answering.

    Args:
        pages: What it answers.
        host: The address to bind.
        port: 0 for any that is free.
        token: What a request must have; empty for a loopback address.

    Raises:
        UserError: the port is in use, or the address is none of this machine.
    """
    try:
        made = ThreadingHTTPServer((host, port), partial(_Handler, pages, token))
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        other = "--port" if error.errno in _OF_THE_PORT else "--host"
        told = f"cannot serve on {host}:{port}: {reason}; choose another {other}"
        raise UserError(told) from None
    made.daemon_threads = True
    return made
