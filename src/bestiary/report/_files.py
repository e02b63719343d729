"""Figures as files for a paper: SVG, PDF or PNG, made by a browser without a window."""

import importlib.util
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.errors import UserError, unknown
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit
from bestiary.report._identity import Identity, identities
from bestiary.report._page import exhibits
from bestiary.report._sheet import sheets

FORMATS = ("svg", "pdf", "png")
# Pixels of a PNG for each of the sheet's: 600 to the inch, as line art is printed.
SCALE = 600 / 96
# Seconds that a figure may take to be drawn.
PATIENCE = 300
CAPTIONS = "captions.md"
TERMS = f"Sizes are {words.NON_EMBEDDING}, x is the {words.DATA_RATIO}, losses are {words.NATS}.\n"
CURE = "install one (`apt-get install chromium`) or name it in BROWSER_PATH"


def figures(analysis: Analysis) -> dict[str, go.Figure]:
    """Every figure of the page by name, for a notebook; one that fills several pages is several."""
    looks = identities(analysis.rows)
    found: dict[str, go.Figure] = {}
    for exhibit in exhibits(analysis):
        own = sheets(exhibit, looks)
        found |= dict(zip(_stems(exhibit.key, len(own)), own, strict=True))
    return found


def write_figures(analysis: Analysis, folder: Path, form: str = "svg") -> list[Path]:
    """Write every figure of the page as a file, and what each shows as `captions.md`.

    Args:
        analysis: What to show.
        folder: Where; made where it is missing. Files of the same names are replaced.
        form: `svg`, `pdf` or `png`.

    Returns:
        The files, in the order of the page.

    Raises:
        UserError: an unknown format, kaleido or a browser is missing, or the folder cannot be
            written; nothing is left behind.
    """
    require_export(folder, form)
    return write_exhibits(exhibits(analysis), identities(analysis.rows), folder, form)


def require_export(folder: Path, form: str) -> None:
    """Find out before any work whether figures can be made and put there.

    Raises:
        UserError: they cannot.
    """
    if form not in FORMATS:
        raise unknown("figure format", form, FORMATS)
    if importlib.util.find_spec("kaleido") is None:
        raise UserError("figures need kaleido, which is missing; pip install 'bestiary[figures]'")
    found = _browser()
    if not found or shutil.which(found) is None:
        missing = f"nothing to run at {found}" if found else "no Chrome or Chromium here"
        raise UserError(f"figures need a browser to draw them and there is {missing}; {CURE}")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"figures go into a folder, but {folder} is a file; name another --figures")


def _browser() -> str | None:
    from choreographer.browsers.chromium import Chromium

    return os.environ.get("BROWSER_PATH") or Chromium.find_browser(skip_local=False)


def write_exhibits(
    shown: Sequence[Exhibit], looks: Mapping[str, Identity], folder: Path, form: str
) -> list[Path]:
    """Write exhibits as files; all of them or none.

    Raises:
        UserError: the folder cannot be written, or the browser failed.
    """
    made = [sheets(exhibit, looks) for exhibit in shown]
    names = [_names(exhibit.key, len(own), form) for exhibit, own in zip(shown, made, strict=True)]
    flat = [name for own in names for name in own]
    missing = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".figures-", dir=folder) as beside:
            figures = [figure for own in made for figure in own]
            _draw([(f, Path(beside) / n) for f, n in zip(figures, flat, strict=True)], form)
            (Path(beside) / CAPTIONS).write_text(_captions(shown, names), encoding="utf-8")
            for path in sorted(Path(beside).iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write to {folder}: {reason}; choose another --figures") from None
    finally:
        if missing and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return [folder / name for name in flat]


def _names(key: str, parts: int, form: str) -> list[str]:
    return [f"{stem}.{form}" for stem in _stems(key, parts)]


def _stems(key: str, parts: int) -> list[str]:
    return [key] if parts == 1 else [f"{key}-{part}" for part in range(1, parts + 1)]


def _draw(drawn: Sequence[tuple[object, Path]], form: str) -> None:
    """Have one browser draw every figure; no network."""
    import kaleido
    from choreographer import errors

    options = {"format": form, "scale": SCALE if form == "png" else 1}
    asked = [{"fig": figure, "path": path, "opts": options} for figure, path in drawn]
    try:
        kaleido.write_fig_from_object_sync(
            asked, cancel_on_error=True, kopts={"mathjax": False, "timeout": PATIENCE}
        )
    except (errors.BrowserFailedError, errors.BrowserClosedError, errors.BrowserDepsError):
        raise UserError(
            f"the browser {_browser()} stopped before it drew figures; {CURE}"
        ) from None
    except TimeoutError:
        raise UserError(f"the browser drew no figure in {PATIENCE} s; try again later") from None
    if form == "svg":
        for _, path in drawn:
            path.write_text(_settled(path.read_text("utf-8")), "utf-8")


def _settled(svg: str) -> str:
    """The same drawing with the random name that plotly gives it made constant."""
    found = re.search(r'id="defs-([0-9a-f]{6})"', svg)
    return svg.replace(found[1], "figure") if found else svg


def _captions(shown: Sequence[Exhibit], names: Sequence[Sequence[str]]) -> str:
    parts = [
        f"## {exhibit.title}\n\n{', '.join(own)}\n\n{exhibit.caption}\n"
        for exhibit, own in zip(shown, names, strict=True)
    ]
    return "\n".join([TERMS, *parts])
