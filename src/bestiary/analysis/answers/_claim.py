"""A claim about two optimizers, read from the sentence in which people make it."""

import difflib
import re
from collections.abc import Mapping
from typing import Literal

from bestiary.errors import UserError, unknown
from bestiary.specs import Spec

Measure = Literal["tokens", "time"]
CLOCK = re.compile(r"wall.?clock|hours?|seconds?|\btime\b(?!s)|clock", re.IGNORECASE)
TIMES = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:x\b|\N{MULTIPLICATION SIGN}|times\b|-?fold\b)", re.IGNORECASE
)
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.IGNORECASE)
FEWER = re.compile(r"fewer|less", re.IGNORECASE)
TWICE = re.compile(r"\btwice\b|\bdouble\b|\bhalf\b", re.IGNORECASE)


class Claim(Spec, frozen=True, kw_only=True):
    """That one optimizer is faster than another.

    Attributes:
        text: As it was made.
        optimizer: The one that is said to be faster.
        baseline: The other.
        factor: By how much; None where the claim only says faster.
        threshold: What a speedup must reach to bear the claim out as it is rounded: 1 without a
            factor, else the factor less 0.05 (2x and 1.4x alike are read to one decimal), or less
            half of its last place where it has two or more.
        measure: Whether it is about tokens, or about time on a clock.
        size: The one size it is about; empty where it is about all.
    """

    text: str
    optimizer: str
    baseline: str
    factor: float | None
    threshold: float
    measure: Measure
    size: str = ""


def read_claim(
    text: str, labels: Mapping[str, str], *, baseline: str, sizes: tuple[str, ...] = ()
) -> Claim:
    """Read a sentence such as `Muon is 1.4x faster than AdamW at 130m`.

    Args:
        text: The sentence.
        labels: The optimizers there are results of: name -> name in tables.
        baseline: What is meant where the sentence names one optimizer only.
        sizes: The sizes there are results of.

    Raises:
        UserError: no optimizer of the results is named, more than two are, or the one that it is
            compared with is not the results' baseline.
    """
    named = _named(text, labels)
    others = [name for name in named if name != baseline]
    if not others:
        _refuse_misspelt(text, labels)
        known = ", ".join(name for name in labels if name != baseline)
        raise UserError(
            f"a claim must name an optimizer of the results ({known}), got {text!r}; "
            f"write for instance 'NAME is 2x faster than {baseline}'"
        )
    if len(named) > 2 or len(others) > 1:
        raise UserError(
            f"results measure speedup over {baseline!r}, but the claim compares "
            f"{' and '.join(named)}; claim one of them against {baseline!r}, or see "
            "`bestiary crossover` for two others"
        )
    if named[0] == baseline:
        raise UserError(
            f"write the claim with the faster optimizer first: '{others[0]} is ... than {baseline}'"
        )
    factor, decimals = _factor(text)
    slack = 0.05 if decimals < 2 else 0.5 * 10.0**-decimals
    return Claim(
        text=text,
        optimizer=others[0],
        baseline=baseline,
        factor=factor,
        threshold=1.0 if factor is None else max(1.0, factor - slack),
        measure="time" if CLOCK.search(text) else "tokens",
        size=_size(text, sizes),
    )


def _named(text: str, labels: Mapping[str, str]) -> list[str]:
    """The optimizers of a sentence in order: single words, or two that make one name."""
    spelled = {_plain(word): name for name, label in labels.items() for word in (label, name)}
    words = re.findall(r"[^\s,;:.()]+", text)
    found: list[str] = []
    for first, second in zip(words, [*words[1:], ""], strict=True):
        name = spelled.get(_plain(first + second)) or spelled.get(_plain(first))
        if name and name not in found:
            found.append(name)
    if not found and words:
        raise unknown("optimizer", words[0], labels)
    return found


def _refuse_misspelt(text: str, labels: Mapping[str, str]) -> None:
    """Name the nearest optimizer to a word that is almost one."""
    for word in re.findall(r"[\w-]{4,}", text):
        exact = _plain(word) in map(_plain, labels)
        if not exact and difflib.get_close_matches(word.lower(), labels, cutoff=0.7):
            raise unknown("optimizer", word, labels)


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _factor(text: str) -> tuple[float | None, int]:
    """The claimed speedup and its decimals; `30 % faster` is 1.3, `30 % fewer tokens` 1 / 0.7."""
    if times := TIMES.search(text):
        number = times[1]
        decimals = len(number.partition(".")[2])
        return _above_one(float(number), text), decimals
    if percent := PERCENT.search(text):
        share = float(percent[1]) / 100
        if FEWER.search(text):
            if share >= 1:
                raise UserError(f"at most 100 % can be saved, got {percent[0]!r}; correct it")
            return 1 / (1 - share), 2
        return 1 + share, 2
    return (2.0, 0) if TWICE.search(text) else (None, 0)


def _above_one(factor: float, text: str) -> float:
    if factor <= 1:
        raise UserError(
            f"a claimed speedup must be above 1, got {factor:g} in {text!r}; "
            "claim the other optimizer"
        )
    return factor


def _size(text: str, sizes: tuple[str, ...]) -> str:
    plain = {size.lower(): size for size in sizes}
    named = [plain[word] for word in re.findall(r"\w+(?:\.\w+)*", text.lower()) if word in plain]
    return named[0] if named else ""
