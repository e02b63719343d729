"""The factor of a claim, as a speedup: `2x`, `30% faster`, `half the tokens`, `saves a third`.

A share p of tokens or time saved is a speedup of 1 / (1 - p), a share used one of 1 / p, and
`p % faster` one of 1 + p.
"""

import re
from typing import NamedTuple

from bestiary.errors import UserError

NUMBER = r"(\d+(?:\.\d+)?)"
# Before a number: the rest of one that is written otherwise, as in `1,4x`, `1e3x` and `1.2.3x`.
CUT = re.compile(r"\d[.,_'e]$", re.I)
TIMES = re.compile(rf"{NUMBER}\s*-?(?:x\b|\N{{MULTIPLICATION SIGN}}|times\b|fold\b)", re.I)
OF = re.compile(rf"(?:factor|speed-?up)\s+(?:of\s+)?(?:about\s+)?{NUMBER}", re.I)
PERCENT = re.compile(rf"{NUMBER}\s*(?:%|per\s?cent\b)", re.I)
SAVED = re.compile(r"\b(?:fewer|less|sav\w+|cut\w*|reduc\w+|lower\w*|shorte\w+|drop\w*)\b", re.I)
USED = re.compile(r"^\s*(?:of|as many|as much|the)\b", re.I)
TO = re.compile(r"\bto\s+(?:an?\s+|one\s+)?$", re.I)
TWICE = re.compile(r"\b(?:twice|doubl\w+|halv\w+)\b", re.I)
SHARES = {"half": 1 / 2, "two thirds": 2 / 3, "three quarters": 3 / 4, "third": 1 / 3}
SHARES |= {"quarter": 1 / 4, "fifth": 1 / 5, "tenth": 1 / 10}
SHARE = re.compile(rf"\b({'|'.join(SHARES)})\b", re.I)
WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Factor(NamedTuple):
    """A claimed speedup.

    Attributes:
        value: None where the claim only says faster.
        decimals: To how many it is stated.
        rest: The claim without the words that say it.
    """

    value: float | None
    decimals: int
    rest: str


def read_factor(text: str) -> Factor:
    """The speedup that a claim states.

    Raises:
        UserError: all of it saved, or more; a number that is written neither like 2 nor like 1.4.
    """
    plain = re.sub(r"[-\s]+", " ", text)
    for digit, word in enumerate(WORDS, 2):
        plain = re.sub(rf"\b{word}(?=\s?(?:times|fold)\b)", str(digit), plain, flags=re.I)
    plain = re.sub(r"\ban order of magnitude\b", "10 times", plain, flags=re.I)
    if found := TIMES.search(plain) or OF.search(plain):
        _refuse_cut(plain, found)
        return Factor(float(found[1]), len(found[1].partition(".")[2]), _without(plain, found))
    if found := PERCENT.search(plain):
        _refuse_cut(plain, found)
        return Factor(_of_share(plain, found, float(found[1]) / 100), 2, _without(plain, found))
    if found := TWICE.search(plain):
        return Factor(2.0, 0, _without(plain, found))
    if found := SHARE.search(plain):
        value = _of_share(plain, found, SHARES[found[1].lower()], used=True)
        return Factor(value, 1, _without(plain, found))
    return Factor(None, 0, plain)


def _refuse_cut(text: str, found: re.Match[str]) -> None:
    """Refuse to read the end of a number for the whole of it."""
    if CUT.search(text[: found.start(1)]):
        word = text[: found.end(1)].split()[-1]
        raise UserError(f"a number in a claim is written like 2 or 1.4, got {word!r}; correct it")


def _of_share(text: str, found: re.Match[str], share: float, *, used: bool = False) -> float:
    """A share that was saved, a share that is used, or a gain of that share."""
    to = TO.search(text[: found.start()])
    if SAVED.search(text) and not to:
        if share >= 1:
            raise UserError(f"at most 100% can be saved, got {found[0]!r}; correct it")
        return 1 / (1 - share)
    used = used or to is not None or USED.search(text[found.end() :]) is not None
    return 1 / share if used and share > 0 else 1 + share


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"
