"""A claim about two optimizers, read from the sentence in which people make it."""

import difflib
import math
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from bestiary.answers.check._claim_factor import PERCENT, read_factor
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec

Quantity = Literal["tokens", "time", "loss"]
Scope = Literal["average", "every cell"]
Comparison = Literal["faster", "at least", "no slower", "equal"]
# Up to this factor either way two speeds count as equal, and up to this share two losses.
SAME_SPEED, SAME_LOSS = 1.05, 0.5
# Nobody has claimed a hundredth of it.
MOST_SPEEDUP = 10_000.0
CLOCK = re.compile(
    r"wall.?clock|clock|\btime\b|\bhours?\b|\bdays?\b|seconds?\b|\bcost|\bcheap", re.IGNORECASE
)
OTHER = re.compile(
    r"memory|\bvram\b|accura\w+|benchmark|state size|stab(?:le|ility)", re.IGNORECASE
)
LOWER = re.compile(r"\b(?:lower\w*|smaller|better|below|less|reduc\w+)\b", re.IGNORECASE)
LOWER_LOSS = re.compile(
    r"\b(?:lower\w*|smaller|better|reduc\w+|less|equal|same)\b[^;]*\bloss"
    r"|\bloss(?:es)?\b[^;]*\b(?:lower|smaller|below|less|better)\b",
    re.IGNORECASE,
)
# Where these are what is saved, a loss is only where it is read.
RESOURCE = re.compile(
    r"\b(?:tokens?|data|steps?|compute|flops?|fast\w*|speed\w*|sooner|times as|x)\b", re.IGNORECASE
)
# What says that it is not the clock that is meant.
COUNT = re.compile(r"\b(?:tokens?|data|steps?|compute|flops?)\b", re.IGNORECASE)
NATS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:nats?\b|\b(?!\s*(?:%|x\b|[kmb]\b)))", re.IGNORECASE)
EVERYWHERE = re.compile(
    r"\b(?:every|each|always|everywhere|throughout|"
    r"(?:all|any) (?:the |of the )?(?:cells?|sizes?|ratios?|budgets?|scales?))\b",
    re.IGNORECASE,
)
AVERAGE = re.compile(r"\b(?:averages?|averaged|mean|overall)\b", re.IGNORECASE)
NO_SLOWER = re.compile(
    r"\b(?:no|not|never) (?:slower|worse|later)\b|\bat least as (?:fast|good|quick|efficient)\b",
    re.IGNORECASE,
)
EQUAL = re.compile(
    r"\bas (?:fast|good|quick|efficient|cheap)(?:ly)?\b|\bequal\w*\b|\bon par\b"
    r"|\b(?:match|matches|ties)\b|\bthe same (?:speed|tokens|time|loss)\b",
    re.IGNORECASE,
)
BETTER = re.compile(
    r"\b(?:faster|fewer|less|lower|beats?|saves?|better|wins?|sooner|outperforms?|half|halves|"
    r"cuts?|to reach|reach\w*)\b",
    re.IGNORECASE,
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
    """What is claimed of an optimizer, over the baseline.

    Attributes:
        text: As it was made.
        optimizer: The one that it is about.
        baseline: The other.
        quantity: What is less: tokens or time for the same loss, or the loss at equal tokens.
        scope: Whether it is about the average over cells, as a report's first sentence is, or about
            every one of them.
        comparison: `faster` without a factor, `at least` one, `no slower` and `equal` up to 5% (a
            loss up to half a percent).
        factor: By how much; None where the claim does not say. Of a loss in its `unit`.
        threshold: What the advantage must reach to bear the claim out as it is rounded: of a
            speedup 1 without a factor, else the factor less 0.05 (2x and 1.4x alike are read to one
            decimal), or less half of its last place where it has two or more; of a loss the
            reduction less half of its last place.
        ceiling: What it must not pass, of `equal`.
        unit: `nats` or `%` of a loss; empty of a speedup.
        size: The one size it is about; empty where it is about all.
        ratio: The one ratio; None where it is about all.
        reading: What the claim is taken to say, in one sentence.
    """

    text: str
    optimizer: str
    baseline: str
    quantity: Quantity
    scope: Scope
    comparison: Comparison
    factor: float | None
    threshold: float
    ceiling: float | None = None
    unit: Literal["", "nats", "%"] = ""
    size: str = ""
    ratio: float | None = None
    reading: str

    @property
    def name(self) -> str:
        """The claim in a few words: `token speedup of 1.4x`."""
        if self.quantity == "loss":
            by = "" if self.factor is None else f" by {self.factor:.3g}{_space(self.unit)}"
            return "equal loss" if self.ceiling is not None else f"loss lower{by}"
        what = "time" if self.quantity == "time" else "token"
        told = {
            "faster": "above 1",
            "at least": f"of {self.factor or 1:.3g}x",
            "no slower": "of 1x or more",
            "equal": "of 1x",
        }[self.comparison]
        return f"{what} speedup {told}"


class Bar(NamedTuple):
    """What a claim asks of an advantage."""

    comparison: Comparison
    factor: float | None
    threshold: float
    ceiling: float | None = None
    unit: Literal["", "nats", "%"] = ""


def read_claim(
    text: str,
    labels: Mapping[str, str],
    *,
    baseline: str,
    sizes: tuple[str, ...] = (),
    usual: Quantity = "tokens",
) -> Claim:
    """Read a sentence such as `Muon is 1.4x faster than AdamW at 130m`.

    Args:
        text: The sentence.
        labels: The optimizers there are results of: name -> name in tables.
        baseline: What is meant where the sentence names one optimizer only.
        sizes: The sizes there are results of.
        usual: What is less where the sentence does not say: tokens or time.

    Raises:
        UserError: no optimizer of the results is named, more than two are, the one that it is
            compared with is not the results' baseline, it is no claim about speed or loss, a
            denial, or about a size without results.
    """
    _refuse_other_claims(text)
    faster = _faster(text, labels, baseline)
    size, ratio = _size(text, sizes), _ratio(text)
    scoped = RATIO.sub(r"\1 ", text)
    quantity = _quantity(scoped, usual)
    bar = _loss_bar(scoped, labels) if quantity == "loss" else _speed_bar(scoped, labels, size)
    scope: Scope = (
        "every cell" if EVERYWHERE.search(text) and not AVERAGE.search(text) else "average"
    )
    names = (labels.get(faster, faster), labels.get(baseline, baseline))
    return Claim(
        text=text,
        optimizer=faster,
        baseline=baseline,
        quantity=quantity,
        scope=scope,
        size=size,
        ratio=ratio,
        reading=_reading(names, quantity, bar) + _where(scope, size, ratio),
        **bar._asdict(),
    )


def _quantity(text: str, usual: Quantity) -> Quantity:
    """What is said to be less."""
    if CLOCK.search(text):
        return "time"
    if LOWER_LOSS.search(text) and not RESOURCE.search(text):
        return "loss"
    return "tokens" if COUNT.search(text) else usual


def _speed_bar(text: str, labels: Mapping[str, str], size: str) -> Bar:
    """What a claim about tokens or time asks of a speedup."""
    factor, decimals, rest = read_factor(text)
    if factor is None:
        _refuse_other_numbers(rest, labels, size)
        if NO_SLOWER.search(text):
            return Bar("no slower", None, 1 / SAME_SPEED)
        if EQUAL.search(text) and not BETTER.search(text):
            return Bar("equal", None, 1 / SAME_SPEED, SAME_SPEED)
        return Bar("faster", None, 1.0)
    if factor <= 1:
        raise UserError(
            f"a claimed speedup must be above 1, got {factor:g} in {text!r}; "
            "claim the other optimizer"
        )
    if factor > MOST_SPEEDUP:
        raise UserError(
            f"a claimed speedup must be at most {MOST_SPEEDUP:g}, got {factor:g} in {text!r}; "
            "correct it"
        )
    slack = 0.05 if decimals < 2 else 0.5 * 10.0**-decimals
    return Bar("at least", factor, max(1.0, factor - slack))


def _loss_bar(text: str, labels: Mapping[str, str]) -> Bar:
    """What a claim about a loss asks of its reduction, in percent or in nats."""
    for word in (*labels, *labels.values()):
        text = re.sub(rf"\b{re.escape(word)}\b", " ", text, flags=re.IGNORECASE)
    text = SIZE.sub(" ", text)
    found = PERCENT.search(text) or NATS.search(text)
    unit: Literal["nats", "%"] = "%" if PERCENT.search(text) else "nats"
    if found is None:
        if LOWER.search(text):
            return Bar("faster", None, 0.0, None, "nats")
        return Bar("equal", None, -SAME_LOSS, SAME_LOSS, "%")
    value, places = float(found[1]), len(found[1].partition(".")[2])
    return Bar("at least", value, max(0.0, value - 0.5 * 10.0**-places), None, unit)


def _where(scope: Scope, size: str, ratio: float | None) -> str:
    """The cells in words: `, on average over the cells at 130m`."""
    if size and ratio:
        return f" at {size} {ratio:g}x"
    at = f" at {size}" if size else f" at {ratio:g}x" if ratio else ""
    if scope == "every cell":
        return f", in every cell{at}"
    return f", on average over {'the' if at else 'all'} cells{at}"


def _reading(names: tuple[str, str], quantity: Quantity, bar: Bar) -> str:
    """The claim in one sentence."""
    faster, baseline = names
    if quantity == "loss":
        if bar.ceiling is not None:
            return f"{faster} reaches the loss of {baseline} at equal tokens, up to {SAME_LOSS:g}%"
        much = f" by {bar.factor or 0:.3g}{_space(bar.unit)} or more{_rounded(bar)}"
        told = f"the loss of {faster} at equal tokens is lower than that of {baseline}"
        return told if bar.factor is None else f"{told}{much}"
    if bar.comparison == "at least":
        return (
            f"{baseline} needs {bar.factor:.3g} times the {quantity} of {faster} or more"
            f"{_rounded(bar)} for the same loss"
        )
    much = {
        "faster": "fewer tokens than" if quantity == "tokens" else "less time than",
        "no slower": f"no more {quantity} than",
        "equal": f"as {'many' if quantity == 'tokens' else 'much'} {quantity} as",
    }[bar.comparison]
    margin = "" if bar.comparison == "faster" else f", up to {SAME_SPEED - 1:.0%}"
    return f"{faster} needs {much} {baseline} for the same loss{margin}"


def _rounded(bar: Bar) -> str:
    """From where on a number that is stated in so many digits is reached; nothing from itself."""
    exact = math.isclose(bar.threshold, bar.factor or 0.0)
    return "" if exact else f" (from {bar.threshold:.4g} on, as it is rounded)"


def _space(unit: str) -> str:
    return unit if unit == "%" else f" {unit}"


def _refuse_other_claims(text: str) -> None:
    """Claims that are not about speed, or deny it."""
    if found := OTHER.search(text):
        raise UserError(
            f"only claims about speed and loss can be checked, tokens or time for the same loss or "
            f"the loss at equal tokens, and not {found[0]!r}; write for instance {EXAMPLES}"
        )
    if (found := DENIED.search(text)) and not NO_SLOWER.search(text):
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
    slower = bool(SLOWER.search(NO_SLOWER.sub("", text)))
    if baseline_first != slower and not (baseline_first and EQUAL.search(text)):
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
