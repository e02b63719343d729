"""Five lines to start a training from: optimizer and speedup, rates, batch, schedule, memory."""

from collections.abc import Iterable

from bestiary.answers.advise._start import Start, plain
from bestiary.answers.advise._step_cost import Cost
from bestiary.measures import Recommendation, magnitude
from bestiary.specs import Spec

NOT_SAID = "not said by the results"


class Brief(Spec, frozen=True, kw_only=True):
    """One line of the five.

    Attributes:
        what: Its subject, in a word or two.
        text: What there is to know.
    """

    what: str
    text: str


def brief(headline: str, start: Start, cost: Cost | None) -> tuple[Brief, ...]:
    """The five lines.

    Args:
        headline: Optimizer, speedup and how sure, in one sentence.
        start: What to start it with.
        cost: Its memory, and its step on the machine that is named.
    """
    return (
        Brief(what="optimizer", text=headline),
        Brief(what="rates", text=", ".join(_rates(start))),
        Brief(what="batch", text=_batch(start)),
        Brief(what="schedule", text=_schedule(start)),
        Brief(what="memory", text=NOT_KNOWN if cost is None else _memory(cost)),
    )


NOT_KNOWN = "not known of this optimizer; `bestiary optimizers show` counts those of the catalogue"


def _rates(start: Start) -> Iterable[str]:
    yield start.label
    for name in ("learning_rate", "weight_decay"):
        one = next((one for one in start.settings if one.name == name), None)
        words = name.replace("_", " ")
        yield f"{words} {NOT_SAID}" if one is None else f"{words} {_value(one)}"
    if start.edges:
        yield f"at the edge of their own interval, so tune first: {', '.join(start.edges)}"


def _value(one: Recommendation) -> str:
    if one.low is None or one.high is None:
        return plain(one.value)
    return f"{plain(one.value)} [{one.low:.3g}, {one.high:.3g}]"


def _batch(start: Start) -> str:
    if start.batch_sequences is None:
        return f"{NOT_SAID}; warm-up {_steps(start)}"
    if start.batch_tokens is None or start.sequence_tokens is None:
        return f"{start.batch_sequences} sequences; their length is {NOT_SAID}"
    return (
        f"{magnitude(start.batch_tokens)} tokens ({start.batch_sequences} sequences of "
        f"{start.sequence_tokens:g}), so {start.steps:,} steps; warm-up {_steps(start)}"
    )


def _steps(start: Start) -> str:
    if start.warmup_steps is None:
        return NOT_SAID
    if start.warmup_steps == 0:
        return "none"
    tokens = "" if start.warmup_tokens is None else f" ({magnitude(start.warmup_tokens)} tokens)"
    return f"{start.warmup_steps:,} steps{tokens}"


def _schedule(start: Start) -> str:
    end = f"{start.final_fraction:g} of the peak" if start.final_fraction else "0"
    kind = start.schedule
    if kind == "wsd" and start.decay_fraction >= 1:
        kind = "linear"
    told = {
        "cosine": f"cosine from the end of the warm-up to {end}",
        "linear": f"linear from the end of the warm-up to {end}",
        "wsd": f"constant, then linear to {end} over the last {start.decay_fraction:.0%} of steps",
        "constant": "constant after the warm-up",
    }
    return told.get(kind, kind or NOT_SAID)


def _memory(cost: Cost) -> str:
    told = (
        f"{8 + cost.state_bytes:.3g} bytes a parameter: float32 weights and gradients 8, state "
        f"{cost.state_bytes:.3g} (counted)"
    )
    if cost.step_seconds is None or cost.device_bytes is None:
        return f"{told}; step time: name a --device"
    fits = "" if cost.device_bytes < cost.device_memory else ", MORE THAN IT HAS"
    return (
        f"{told}, {cost.device_bytes / 1e9:.3g} GB on each of {cost.count} {cost.device} when "
        f"sharded evenly{fits}, without activations; about {_seconds(cost.step_seconds)} a step, "
        f"{cost.added:.2%} of it the optimizer's (estimated from counts, not measured)"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
