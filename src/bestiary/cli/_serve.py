"""`bestiary serve`: a study in the browser, read only, updating by itself."""

import secrets
from functools import partial
from typing import Annotated

import tyro
from msgspec import Meta

from bestiary.cli._folders import reading, study_folder
from bestiary.cli._telling import tell
from bestiary.specs import Spec


class Flags(Spec, frozen=True, kw_only=True):
    """Show a study in the browser.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        host: The address to listen on; one that others can reach needs the token that is printed.
        port: 0 for any that is free.
    """

    folder: tyro.conf.Positional[str] = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8631


def run(flags: Flags) -> None:
    """Serve until Ctrl-C; works while a driver runs, and changes nothing."""
    from bestiary.cli._server import LOOPBACK, StudyPages, server

    folder = str(study_folder(flags.folder))
    reading(folder).close()  # refused before anything listens
    token = "" if flags.host in LOOPBACK else secrets.token_urlsafe(24)
    with server(StudyPages(partial(reading, folder)), flags.host, flags.port, token) as serving:
        port = serving.server_address[1]
        shown = f"[{flags.host}]" if ":" in flags.host else flags.host
        tell(
            f"{folder} at http://{shown}:{port}/{f'?token={token}' if token else ''}",
            "read only; Ctrl-C ends it, the study goes on",
        )
        serving.serve_forever()
