"""One row of somebody's file, read by the declared mapping into a foreign result."""

import math
import re
import reprlib
from functools import cache
from typing import Any

from bestiary.errors import UserError
from bestiary.specs import SIZES, Setting
from bestiary.store._foreign import ForeignResult
from bestiary.store._mapping import COUNTED, Mapping, State
from bestiary.store._rows import Row

# What JSON as the store writes it can hold.
LARGEST = 2**64
# What the numbers of a row can be; seconds of a step where a field is not named.
RANGES = {"parameters": (1.0, 1e15), "tokens": (1.0, 1e18), "ratio": (1e-6, 1e6)}
TO_TARGET = {
    "tokens_to_target": (1.0, 1e18),
    "steps_to_target": (1.0, 1e12),
    "seconds_to_target": (1e-3, 1e11),
}
STEPS = (1e-9, 31_536_000.0)
# What trackers' exports call our hyperparameters, at the end of a nested name.
ALIASES = {
    "learning_rate": ("lr", "learning_rate", "peak_lr", "max_lr", "base_lr"),
    "weight_decay": ("wd", "weight_decay"),
    "batch_size": ("batch_size", "train_batch_size", "global_batch_size"),
}
# How tables say that an optimizer has no such hyperparameter.
ABSENT = ("nan", "none", "null", "n/a", "-")
# How they say whether a run reached its target.
YES, NO = ("true", "yes", "1", "y", "reached"), ("false", "no", "0", "n", "not reached")


class RowReader:
    """One row being read; knows its place, so that every error can name it."""

    def __init__(self, file: str, number: int, row: Row, how: Mapping) -> None:
        self.file, self.number, self.row, self.how = file, number, row, how

    def result(self) -> ForeignResult:
        """The row as a foreign result."""
        how = self.how
        if how.counted and not how.on_the_way:
            return self.to_target()
        loss, state = self.loss()
        size = self.text("size")
        return ForeignResult(
            optimizer=self.text("optimizer"),
            size=size,
            ratio=None if how.on_the_way else self.ratio(size),
            state=state,
            loss=loss,
            train_loss=self.scaled("train_loss"),
            seed=self.whole("seed"),
            steps=self.whole("steps"),
            tokens=self.whole("tokens"),
            step_seconds=self.seconds("step_seconds"),
            settings=self.settings(),
            tags={tag: str(self.row[tag]) for tag in how.tags},
            file=self.file,
            row=self.number,
        )

    def to_target(self) -> ForeignResult:
        """The row as a run that trained until it reached a loss, or never did."""
        counted, state = self.how.counted, self.state()
        there = not _absent(self.value(counted))
        reached = self.reached(there)
        if reached and not there:
            raise self.wrong(counted, "", f"must say how many {COUNTED[counted]} it took")
        if reached and state == "diverged":
            raise self.wrong("state", self.value("state"), "cannot be of a run that got there")
        return ForeignResult(
            optimizer=self.text("optimizer"),
            size=self.text("size"),
            state="done" if reached else state,
            seed=self.whole("seed"),
            settings=self.settings(),
            tags={tag: str(self.row[tag]) for tag in self.how.tags},
            reached=reached,
            amount=self.positive(counted) if there else None,
            file=self.file,
            row=self.number,
        )

    def reached(self, there: bool) -> bool:
        """Whether it reached the target: as stated, else where it says after how much."""
        if "reached" not in {**self.how.columns, **self.how.constants}:
            return there
        stated = str(self.value("reached")).strip().lower()
        if stated not in (*YES, *NO):
            raise self.wrong("reached", self.value("reached"), "must be true or false")
        return stated in YES

    def loss(self) -> tuple[float | None, State]:
        """The loss in nats per token with the state that it and the state column give."""
        how, text = self.how, self.value("loss")
        state = self.state()
        if state == "unfinished" or (_empty(text) and how.empty == "unfinished"):
            return None, "diverged" if state == "diverged" else "unfinished"
        if state == "diverged":
            return None, state
        if _empty(text):
            raise self.wrong("loss", text, 'must not be empty; or declare empty = "unfinished"')
        value = self.number_in("loss", text)
        if not math.isfinite(value):
            if how.non_finite == "diverged":
                return None, "diverged"
            raise self.wrong("loss", text, 'must be finite; or declare non_finite = "diverged"')
        nats = how.unit.nats_per_token(value)
        if how.diverged_above is not None and nats > how.diverged_above:
            return None, "diverged"
        if nats <= 0:
            raise self.wrong("loss", text, "must be above 0; check the column and the unit")
        return nats, "done"

    def state(self) -> State:
        """The declared state of the row, `done` where the file has no such column."""
        text = self.value("state")
        if _empty(text):
            return "done"
        if str(text) not in self.how.states:
            raise self.wrong("state", text, f"must be one of {sorted(self.how.states)}")
        return self.how.states[str(text)]

    def ratio(self, size: str) -> float:
        """The data-to-model ratio: stated, or from tokens and N."""
        if not _empty(self.value("ratio")):
            return self.positive("ratio")
        if _empty(self.value("tokens")):
            raise self.wrong("ratio", "", "must not be empty where tokens are not stated")
        if not _empty(self.value("parameters")):
            return self.concluded(self.positive("parameters"))
        if size not in SIZES:
            raise self.wrong("size", size, "has no known N; add a column 'parameters' or 'ratio'")
        return self.concluded(SIZES[size].matrix_parameters)

    def concluded(self, parameters: float) -> float:
        """The data-to-model ratio from tokens and N."""
        ratio, (least, most) = self.positive("tokens") / (20 * parameters), RANGES["ratio"]
        if not least <= ratio <= most:
            rule = f"for {parameters:.3g} parameters must make {least:g} to {most:g} times 20 N"
            raise self.wrong("tokens", self.value("tokens"), rule)
        return ratio

    def progress(self) -> float:
        """How far the run was at this point of its curve."""
        field = self.how.counted or "progress"
        value = self.number_in(field, self.value(field))
        if not (math.isfinite(value) and value >= 0):
            raise self.wrong(field, self.value(field), "must be finite, 0 or more")
        return value

    def settings(self) -> dict[str, Setting]:
        """The hyperparameters of the row; what an optimizer does not have is not there."""
        columns = dict(self.how.settings)
        prefix = self.how.settings_prefix
        if prefix:
            nested = [key for key in self.row if key.startswith(prefix)]
            columns |= _named({key.removeprefix(prefix): key for key in nested}, columns)
        taken = set(self.how.columns.values())
        found = {
            name: self.row.get(column) for name, column in columns.items() if column not in taken
        }
        return {
            name: self.setting(columns[name], value)
            for name, value in found.items()
            if not _absent(value)
        }

    def setting(self, column: str, value: Any) -> Setting:
        """A hyperparameter: a truth value, a whole number, a number, or text."""
        plain = _typed(value, self.plain(value)) if isinstance(value, str) else value
        if not isinstance(plain, bool | int | float | str):
            plain = str(plain)
        if isinstance(plain, int) and abs(plain) >= LARGEST:
            raise self.problem(column, value, "a whole hyperparameter must be below 2^64")
        if isinstance(plain, float) and not math.isfinite(plain):
            raise self.problem(column, value, "a hyperparameter must be finite")
        return plain

    def text(self, field: str) -> str:
        """A name, renamed as declared."""
        text = self.value(field)
        if _empty(text):
            raise self.wrong(field, text, "must not be empty")
        return self.how.rename.get(field, {}).get(str(text), str(text))

    def scaled(self, field: str) -> float | None:
        """A finite loss in nats per token, None where there is none."""
        text = self.value(field)
        if _empty(text):
            return None
        nats = self.how.unit.nats_per_token(self.number_in(field, text))
        return nats if math.isfinite(nats) else None

    def positive(self, field: str) -> float:
        """A finite number above 0, of a size that can be."""
        value = self.number_in(field, self.value(field))
        if not (math.isfinite(value) and value > 0):
            raise self.wrong(field, self.value(field), "must be finite and above 0")
        least, most = {**RANGES, **TO_TARGET}.get(field, STEPS)
        if not least <= value <= most:
            raise self.wrong(field, self.value(field), f"must be {least:g} to {most:g}")
        return value

    def seconds(self, field: str) -> float | None:
        """A time above 0, None where there is none."""
        return None if _empty(self.value(field)) else self.positive(field)

    def whole(self, field: str) -> int | None:
        """A whole number, None where there is none."""
        text = self.value(field)
        if _empty(text):
            return None
        value = self.number_in(field, text)
        if not (0 <= value < LARGEST and value == int(value)):
            raise self.wrong(field, text, "must be a whole number, 0 or more and below 2^64")
        return int(value)

    def number_in(self, field: str, text: Any) -> float:
        """A number, finite or not."""
        try:
            if isinstance(text, bool):  # which Python would take for 0 or 1
                raise TypeError
            value = float(self.plain(text) if isinstance(text, str) else text)
            return value * self.how.scale.get(field, 1.0)
        except (TypeError, ValueError, OverflowError):
            rule = "must be a number"
            if isinstance(text, str) and "," in text:
                rule += '; or declare thousands = "," or decimal = ","'
            raise self.wrong(field, text, rule) from None

    def plain(self, text: str) -> str:
        """A number in text as Python writes it, if it is written as declared."""
        decimal, thousands = self.how.decimal, self.how.thousands
        if thousands and _grouped(thousands, decimal).fullmatch(text.strip()):
            text = text.replace(thousands, "")
        return text.replace(decimal, ".") if decimal != "." else text

    def value(self, field: str) -> Any:
        """What the row or the constants hold for a field; None where neither does."""
        if field in self.how.constants:
            return self.how.constants[field]
        column = self.how.columns.get(field)
        return None if column is None else self.row.get(column)

    def wrong(self, field: str, value: Any, rule: str) -> UserError:
        """The error for a field of this row."""
        return self.problem(self.how.columns.get(field, field), value, f"{field} {rule}")

    def problem(self, column: str, value: Any, rule: str) -> UserError:
        """The error for a column of this row."""
        place = f"{self.file} row {self.number} column {column!r}"
        return UserError(f"{place}: {rule}, got {reprlib.repr(value)}")


def _named(columns: dict[str, str], stated: dict[str, str]) -> dict[str, str]:
    """Nested names under ours, `optimizer.lr` as `learning_rate`, where one alone means it."""
    found = dict(columns)
    for ours, theirs in ALIASES.items():
        meant = [name for name in columns if re.split(r"[./]", name)[-1].lower() in theirs]
        if len(meant) == 1 and ours not in {**columns, **stated}:
            found[ours] = found.pop(meant[0])
    return found


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _absent(value: Any) -> bool:
    """Whether a run does not have a hyperparameter: an empty cell, or what pandas writes there."""
    not_a_number = isinstance(value, float) and math.isnan(value)
    return _empty(value) or not_a_number or str(value).strip().lower() in ABSENT


def _typed(text: str, number: str) -> Setting:
    """What a text says: a truth value, the number that it is, or the text itself."""
    if text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    for kind in (int, float):
        try:
            return kind(number)
        except ValueError:
            continue
    return text


@cache
def _grouped(thousands: str, decimal: str) -> re.Pattern[str]:
    """Numbers whose whole part stands in groups of three digits."""
    return re.compile(rf"[+-]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+({re.escape(decimal)}\d*)?")
