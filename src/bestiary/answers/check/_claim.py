"""A claim about two optimizers, read from the sentence in which people make it."""

import difflib
import re
from collections.abc import Mapping
from typing import Literal

from bestiary.answers.check._claim_factor import read_factor
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec

Measure = Literal["tokens", "time"]
CLOCK = re.compile(
    r"wall.?clock|clock|\btime\b|\bhours?\b|\bdays?\b|seconds?\b|\bcost|\bcheap", re.IGNORECASE
)
OTHER = re.compile(
    r"memory|\bvram\b|accura\w+|benchmark|state size|stab(?:le|ility)", re.IGNORECASE
)
DENIED = re.compile(r"\b(?:not?|never|isn't|doesn't|cannot|can't|fails?)\b", re.IGNORECASE)
SLOWER = re.compile(
    r"\b(?:slower|worse|loses?|more (?:tokens|time|compute|steps))\b", re.IGNORECASE
)
SIZE = re.compile(r"\b\d+(?:\.\d+)?[kmb]\b", re.IGNORECASE)
RATIO = re.compile(
    r"(\bat|\d[kmb],?)\s+(\d+(?:\.\d+)?)\s?x\b(?!\s*(?:faster|fewer|less|speed))", re.IGNORECASE
)
EXAMPLES = "'Muon is 1.4x faster than AdamW', 'Muon saves 30% of the tokens at 1.2b'"


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
        ratio: The one ratio; None where it is about all.
        reading: What the claim is taken to say, in one sentence.
    """

    text: str
    optimizer: str
    baseline: str
    factor: float | None
    threshold: float
    measure: Measure
    size: str = ""
    ratio: float | None = None
    reading: str


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
        UserError: no optimizer of the results is named, more than two are, the one that it is
            compared with is not the results' baseline, it is no claim about speed, a denial, or
            about a size without results.
    """
    _refuse_other_claims(text)
    faster = _faster(text, labels, baseline)
    size, ratio = _size(text, sizes), _ratio(text)
    scoped = RATIO.sub(r"\1 ", text)
    factor, decimals, rest = read_factor(scoped)
    if factor is None:
        _refuse_other_numbers(rest, labels, size)
    elif factor <= 1:
        raise UserError(
            f"a claimed speedup must be above 1, got {factor:g} in {text!r}; "
            "claim the other optimizer"
        )
    measure: Measure = "time" if CLOCK.search(text) else "tokens"
    slack = 0.05 if decimals < 2 else 0.5 * 10.0**-decimals
    return Claim(
        text=text,
        optimizer=faster,
        baseline=baseline,
        factor=factor,
        threshold=1.0 if factor is None else max(1.0, factor - slack),
        measure=measure,
        size=size,
        ratio=ratio,
        reading=_reading(
            labels.get(faster, faster), labels.get(baseline, baseline), factor, measure
        )
        + (f" at {size}" if size else "")
        + (f"{'' if size else ' at'} {ratio:g}x" if ratio else ""),
    )


def _reading(faster: str, baseline: str, factor: float | None, measure: Measure) -> str:
    if factor is None:
        much = "fewer tokens" if measure == "tokens" else "less time"
        return f"{faster} needs {much} than {baseline} for the same loss"
    return f"{baseline} needs {factor:.3g} times the {measure} of {faster} for the same loss"


def _refuse_other_claims(text: str) -> None:
    """Claims that are not about speed, or deny it."""
    if found := OTHER.search(text):
        raise UserError(
            f"only claims about speed can be checked, tokens or time for the same loss, and not "
            f"{found[0]!r}; write for instance {EXAMPLES}"
        )
    if found := DENIED.search(text):
        raise UserError(
            f"state the claim itself and not its denial ({found[0]!r} in {text!r}); its verdict "
            "says whether it fails"
        )


def _refuse_other_numbers(rest: str, labels: Mapping[str, str], size: str) -> None:
    """A number that is no factor: a loss, a year."""
    for word in (*labels, *labels.values(), *SIZE.findall(rest)):
        rest = rest.replace(word, " ")
    if found := re.search(r"\d+(?:\.\d+)?", rest):
        raise UserError(
            f"{found[0]} cannot be read as how much faster an optimizer is; write for instance "
            f"{EXAMPLES}"
        )


def _faster(text: str, labels: Mapping[str, str], baseline: str) -> str:
    """The optimizer that the sentence says is faster."""
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
    baseline_first = named[0] == baseline
    if baseline_first != bool(SLOWER.search(text)):
        raise UserError(
            f"results measure speedup over {baseline!r}, so it cannot be claimed to be the faster; "
            f"write '{others[0]} is ... than {baseline}' and see the claim fail"
        )
    return others[0]


def _named(text: str, labels: Mapping[str, str]) -> list[str]:
    """The optimizers of a sentence in order: single words, or two that make one name."""
    spelled = {_plain(word): name for name, label in labels.items() for word in (label, name)}
    words = re.findall(r"[^\s,;:.()]+", re.sub(r"['\u2019]s\b", "", text))
    found: list[str] = []
    for first, second in zip(words, [*words, ""][1:], strict=True):
        name = spelled.get(_plain(first + second)) or spelled.get(_plain(first))
        if name and name not in found:
            found.append(name)
    return found


def _refuse_misspelt(text: str, labels: Mapping[str, str]) -> None:
    """Name the nearest optimizer to a word that is almost one."""
    for word in re.findall(r"[\w-]{4,}", text):
        exact = _plain(word) in map(_plain, labels)
        if not exact and difflib.get_close_matches(word.lower(), labels, cutoff=0.7):
            raise unknown("optimizer", word, labels)


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _size(text: str, sizes: tuple[str, ...]) -> str:
    """The one size named.

    Raises:
        UserError: a size without results.
    """
    plain = {size.lower(): size for size in sizes}
    words = re.findall(r"\w+(?:\.\w+)*", text.lower())
    named = [plain[word] for word in words if word in plain]
    if not named and sizes and (found := SIZE.search(text)):
        raise UserError(
            f"there are no results at {found[0]!r}, only at {', '.join(sizes)}; name one of them, "
            "or ask `bestiary advise` what is predicted"
        )
    return named[0] if named else ""


def _ratio(text: str) -> float | None:
    """The one ratio named: `at 8x`, `at 1.2b 8x`."""
    found = RATIO.search(text)
    return float(found[2]) if found else None
