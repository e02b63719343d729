"""`bestiary report`: the page, the table and the records of a study, finished or not."""

from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from bestiary.cli._figures import Format, tell_written
from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._folders import reading, study_folder
from bestiary.cli._target import tell_target
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec
from bestiary.store import require_records, write_records

if TYPE_CHECKING:
    from bestiary.evidence import TargetEvidence


class Flags(Spec, frozen=True, kw_only=True):
    """Write a study's page and table.

    Attributes:
        folder: The study folder, not needed where there is only one here; or a study's records, a
            file or the name of those that come with Bestiary.
        out: The page; by default `report.html` in the study folder. FILE.md is the same in
            Markdown, without figures.
        records: A file NAME.records.jsonl.gz for every run of the study without its training
            curve: to keep, to send, and for all commands in the folder's place.
        figures: A folder for every figure as a file, and their captions.
        format: Of these files; `svg` and `pdf` are for papers.
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model. Of runs towards a target loss that of the logarithm
            of what they took (0.02 is 2%), and nothing is assumed.
        json: Print the analysis as JSON instead of the table.
    """

    folder: tyro.conf.Positional[str] = ""
    out: str = ""
    records: str = ""
    figures: str = ""
    format: Format = "svg"
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Analyse what is stored; works while a driver runs."""
    from bestiary.cli._answer import conclude
    from bestiary.cli._results import (
        PUBLISHED,
        evidence_in,
        evidence_of,
        records_of,
        target_evidence_of,
    )
    from bestiary.report import require_export, require_page, write_figures

    if flags.folder and (target := target_evidence_of(flags.folder, flags.noise)) is not None:
        _of_target(flags, target)
        return
    if flags.folder in PUBLISHED:
        raise UserError(
            f"report takes a study folder or its records, got the published study {flags.folder!r};"
            " `bestiary reproduce fantastic2025 --page FILE.html` writes its page"
        )
    if flags.out:
        require_page(Path(flags.out), "--out")
    if flags.figures:
        require_export(Path(flags.figures), flags.format)
    if (held := records_of(flags.folder) if flags.folder else None) is not None:
        _require_no_records(flags)
        page = Path(flags.out) if flags.out else Path(f"{held.name.partition('.')[0]}.html")
        analysis = conclude(evidence_of(flags.folder, flags.noise), page, as_json=flags.json)
    else:
        if flags.records:
            require_records(Path(flags.records))
        with reading(flags.folder) as store:
            page = Path(flags.out) if flags.out else study_folder(flags.folder) / "report.html"
            analysis = conclude(evidence_in(store, flags.noise), page, as_json=flags.json)
            if flags.records:
                count = write_records(store, Path(flags.records))
                tell(f"records of {count} runs {flags.records}")
    if flags.figures:
        tell_written(write_figures(analysis, Path(flags.figures), flags.format))


def _of_target(flags: Flags, evidence: "TargetEvidence") -> None:
    """What runs took to reach a loss; its whole report is a table."""
    for flag in ("out", "records", "figures"):
        if getattr(flags, flag):
            raise UserError(
                f"{evidence.target.counted} to a target loss are a table, without a page and "
                f"without figures; drop --{flag}, or take --json"
            )
    from bestiary.answers.report import analyse_target

    tell_target(analyse_target(evidence), as_json=flags.json)


def _require_no_records(flags: Flags) -> None:
    if flags.records:
        raise UserError(f"{flags.folder} are records already; copy the file for another")
