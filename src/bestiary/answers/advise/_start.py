"""How to start the training that is advised: rate, batch, warm-up and schedule, in tokens too."""

import math
from collections.abc import Iterable, Mapping

from bestiary.evidence import Evidence, Observation
from bestiary.measures import Recommendation
from bestiary.specs import Feasible, Setting, Spec

# What other people call the settings of a run.
BATCH = ("batch_size", "train_batch_size")
WARMUP = ("warmup_steps", "warmup", "warmup_fraction")
DECAY = ("decay_fraction", "decay")
FINAL = ("final_fraction", "min_lr_ratio")
KIND = ("lr_schedule", "schedule")
# A value this close to an end of its interval, as a share of its width in logs, lies on it.
_ON = 0.02


class Start(Spec, frozen=True, kw_only=True):
    """What a run is started with; None and an empty text are what the results do not say.

    Attributes:
        sequence_tokens: Tokens of one sequence of the results.
        batch_sequences: Sequences a step.
        batch_tokens: Tokens a step.
        steps: Of the whole training.
        warmup_steps: Over which the rate rises to its peak.
        warmup_tokens: The same in tokens.
        schedule: `cosine` and `linear` decay from the warm-up to the end, `wsd` linearly over the
            last `decay_fraction`, `constant` not at all.
        decay_fraction: Read by `wsd` alone.
        final_fraction: The rate at the end over the peak.
        settings: Every hyperparameter as recommended.
        edges: Those that start at an end of their own interval, in words.
    """

    optimizer: str
    label: str
    sequence_tokens: float | None
    batch_sequences: int | None
    batch_tokens: float | None
    steps: int | None
    warmup_steps: int | None
    warmup_tokens: float | None
    schedule: str
    decay_fraction: float
    final_fraction: float
    settings: tuple[Recommendation, ...]
    edges: tuple[str, ...]

    def value(self, *names: str) -> Setting | None:
        """The recommended value of the first of these names that there is."""
        return _first(self.settings, names)


def start_of(
    evidence: Evidence, optimizer: str, settings: tuple[Recommendation, ...], tokens: float
) -> Start:
    """The start of a training of so many tokens.

    Args:
        evidence: The results.
        optimizer: One of theirs.
        settings: As recommended at the target.
        tokens: D.
    """
    sequence = sequence_tokens(evidence, optimizer)
    batch = _number(_first(settings, BATCH))
    in_tokens = batch * sequence if batch and sequence else None
    steps = max(1, round(tokens / in_tokens)) if in_tokens else None
    warmup = _warmup(settings, steps)
    return Start(
        optimizer=optimizer,
        label=evidence.labels[optimizer],
        sequence_tokens=sequence,
        batch_sequences=None if batch is None else round(batch),
        batch_tokens=in_tokens,
        steps=steps,
        warmup_steps=warmup,
        warmup_tokens=warmup * in_tokens if warmup is not None and in_tokens else None,
        settings=settings,
        edges=tuple(_edges(settings, evidence.contenders[optimizer].ranges)),
        schedule=_schedule(evidence, optimizer, settings),
        decay_fraction=_stated(settings, DECAY, 1.0),
        final_fraction=_stated(settings, FINAL, 0.0),
    )


def sequence_tokens(evidence: Evidence, optimizer: str) -> float | None:
    """Tokens of a sequence, of the largest model of an optimizer whose batch is known in both."""
    for one in sorted(evidence.of(optimizer).values(), key=lambda one: -one.parameters):
        found = _sequence(one)
        if found:
            return found
    return None


def _sequence(one: Observation) -> float | None:
    batch = _number(next((one.settings[name] for name in BATCH if name in one.settings), None))
    return round(one.tokens_per_step / batch) if batch and one.tokens_per_step else None


def _schedule(evidence: Evidence, optimizer: str, settings: tuple[Recommendation, ...]) -> str:
    """Its kind; a linear one that states over how many steps it decays is `wsd`."""
    stated = str(_first(settings, KIND) or evidence.contenders[optimizer].schedule)
    return "wsd" if stated == "linear" and _first(settings, DECAY) is not None else stated


def _stated(settings: tuple[Recommendation, ...], names: tuple[str, ...], default: float) -> float:
    """A number of the settings, if they have it."""
    found = _number(_first(settings, names))
    return default if found is None else found


def _warmup(settings: tuple[Recommendation, ...], steps: int | None) -> int | None:
    """In steps; what is below one is a share of all."""
    stated = _number(_first(settings, WARMUP))
    if stated is None or (0 < stated < 1 and steps is None):
        return None
    return round(stated * (steps or 1)) if stated < 1 else round(stated)


def _edges(settings: Iterable[Recommendation], ranges: Mapping[str, Feasible]) -> Iterable[str]:
    """`learning_rate 0.008, the upper end of 0.00127 to 0.008; run at 1.2b 8x with 0.004`."""
    for one in settings:
        value = _number(one.value)
        if not value or not one.low or not one.high or one.low >= one.high:
            continue
        share = math.log(value / one.low) / math.log(one.high / one.low)
        feasible = ranges.get(one.name, Feasible())
        for end, name, near in ((one.low, "lower", share), (one.high, "upper", 1 - share)):
            if near < _ON and end not in (feasible.low, feasible.high):
                ran = "" if one.last is None else f"; run at {one.last_at} with {plain(one.last)}"
                yield (
                    f"{one.name} {plain(value)}, the {name} end of {one.low:.4g} to "
                    f"{one.high:.4g}{ran}"
                )


def _first(settings: Iterable[Recommendation], names: Iterable[str]) -> Setting | None:
    known: Mapping[str, Setting] = {one.name: one.value for one in settings}
    return next((known[name] for name in names if name in known), None)


def _number(value: Setting | None) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None  # type: ignore[arg-type]


def plain(value: object) -> str:
    """A setting in words, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
