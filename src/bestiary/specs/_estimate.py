"""A number with its interval: what every analysis hands on and every page shows."""

from bestiary.specs._spec import Spec

# Signs of a text; a terminal that cannot show them is given plain ones where it is written.
TIMES, OPEN = "\N{MULTIPLICATION SIGN}", "\N{HORIZONTAL ELLIPSIS}"


# Draws behind every interval, which tell its ends to about a twentieth of its width.
DRAWS = 2_000


class Estimate(Spec, frozen=True, kw_only=True):
    """A number with its 95% interval.

    Attributes:
        value: The best estimate; None where there is none.
        low: Lower end of the interval; None where the data set no lower bound.
        high: Upper end; None where the data set no upper bound.
        extrapolated: Whether the value was read off a curve beyond the data that fixed it.
        note: What a reader must know about this number, in words; empty where nothing.
    """

    value: float | None
    low: float | None
    high: float | None
    extrapolated: bool = False
    note: str = ""

    @property
    def bounded(self) -> bool:
        """Whether the data set a bound on either side."""
        return self.low is not None or self.high is not None

    @property
    def half_open(self) -> bool:
        """Whether they set one on one side alone."""
        return (self.low is None) != (self.high is None)

    def side(self, neutral: float) -> int:
        """1 where the interval lies above a value, -1 where below, 0 where it holds the value."""
        if self.low is not None and self.low > neutral:
            return 1
        return -1 if self.high is not None and self.high < neutral else 0

    def interval(self, form: str = ".2f") -> str:
        """The interval in brackets: `[1.31, 1.56]`, open ends as `…`; empty where there is none."""
        if not self.bounded:
            return ""
        low, high = (OPEN if end is None else f"{end:{form}}" for end in (self.low, self.high))
        return f"[{low}, {high}]"

    def text(self, form: str = ".2f", unit: str = "", *, between: str = " ") -> str:
        """The number with its interval, the one way to write it: `1.43 [1.31, 1.56]`.

        Args:
            form: How to write numbers, in Python's format language.
            unit: What follows the value.
            between: What stands between the value and its interval; a line break in wide tables.
        """
        if self.value is None:
            return "-"
        ends = self.interval(form)
        return f"{self.value:{form}}{unit}{between if ends else ''}{ends}"

    def times(self, mark: str = "", *, between: str = " ") -> str:
        """A factor as every sentence, table and figure writes it: `1.43× [1.31, 1.56]`.

        To two decimals, or to two digits where it is far from 1.

        Args:
            mark: A footnote's mark, behind the sign.
            between: As in `text`.
        """
        near = self.value is None or 0.095 <= self.value < 100
        return self.text(".2f" if near else ".2g", f"{TIMES}{mark}", between=between)


NOTHING = Estimate(value=None, low=None, high=None)


def missing(note: str) -> Estimate:
    """No number, and why."""
    return Estimate(value=None, low=None, high=None, note=note)


def exactly(value: float, note: str) -> Estimate:
    """A number that is so by definition."""
    return Estimate(value=value, low=value, high=value, note=note)
