"""Two printings of the same numbers, from two processors."""

import re
from decimal import Decimal


def assert_same_but_for_the_last_digit(stated: str, recomputed: str) -> None:
    """Words and whole numbers are equal, and fractions and shares within a unit of what is shown.

    The draws are the same everywhere, but each is fitted until the change falls below 1e-6 or so of
    the value, and LAPACK's last bits, which decide where that is, differ between processors. So a
    number that lies near the middle of two printed ones is printed as either (0.34235 as 0.3423 on
    one processor and 0.3424 on another), and a draw that lies on a threshold counts on one side or
    the other, which moves a share of 2,000 draws by less than a percent, and with it the place of
    its part among the others.
    """
    there, here = _parts(stated), _parts(recomputed)
    assert there.keys() == here.keys()
    for words, numbers in there.items():
        for one, other in zip(numbers, here[words], strict=True):
            pair = Decimal(one), Decimal(other)
            unit = Decimal((0, (1,), max(value.as_tuple().exponent for value in pair)))
            assert abs(pair[0] - pair[1]) <= unit, (words, one, other)


def _parts(text: str) -> dict[str, list[str]]:
    """What stands between commas and the like, without its fractions and shares; and these."""
    number = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?|\d+(?=%)")
    found: dict[str, list[str]] = {}
    for part in re.split(r"[,;:] ", text.rstrip(".")):
        found.setdefault(number.sub("#", part), []).extend(number.findall(part))
    return found
