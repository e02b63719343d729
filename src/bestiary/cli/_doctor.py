"""`bestiary doctor`: everything about this machine that can spoil a study, a line each."""

import msgspec

from bestiary.cli._flags import Switch
from bestiary.cli._health import CHECKS, Finding
from bestiary.cli._listing import console, print_json
from bestiary.specs import Spec

STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


class Flags(Spec, frozen=True, kw_only=True):
    """Check this machine.

    Attributes:
        json: Print JSON.
    """

    json: Switch = False


def run(flags: Flags) -> int:
    """Run every check; 1 where one failed."""
    findings = []
    for check in CHECKS:
        finding = check()
        findings.append(finding)
        if not flags.json:
            _print(finding)
    if flags.json:
        print_json(msgspec.to_builtins(findings))
    return 1 if any(one.state == "fail" for one in findings) else 0


def _print(finding: Finding) -> None:
    style = STYLE[finding.state]
    console().print(f"[{style}]{finding.state:<4}[/] {finding.name:<14}", end=" ", highlight=False)
    console().print(finding.detail, highlight=False, markup=False, soft_wrap=True)
