"""`bestiary report`: the page and the table of a study, finished or not."""

from pathlib import Path

import tyro

from bestiary.cli._figures import Format, tell_written
from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading, study_folder
from bestiary.specs import Spec


class Flags(Spec, frozen=True, kw_only=True):
    """Write a study's page and table.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        out: The page; by default `report.html` in the study folder.
        figures: A folder for every figure as a file, and their captions.
        format: Of these files; `svg` and `pdf` are for papers.
        json: Print the analysis as JSON instead of the table.
    """

    folder: tyro.conf.Positional[str] = ""
    out: str = ""
    figures: str = ""
    format: Format = "svg"
    json: Switch = False


def run(flags: Flags) -> None:
    """Analyse what is stored; works while a driver runs."""
    from bestiary.cli._answer import conclude
    from bestiary.report import require_export, require_page, write_figures

    if flags.out:
        require_page(Path(flags.out), "--out")
    if flags.figures:
        require_export(Path(flags.figures), flags.format)
    with reading(flags.folder) as store:
        page = Path(flags.out) if flags.out else study_folder(flags.folder) / "report.html"
        analysis = conclude(store, page, as_json=flags.json)
    if flags.figures:
        tell_written(write_figures(analysis, Path(flags.figures), flags.format))
