"""What a compiled program says to other devices: counted from its text."""

import math
import re
from dataclasses import dataclass

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_CALL = re.compile(rf"= (\(.*?\)|\S+) ({'|'.join(KINDS)})(-start)?\(")
# A TPU's compiler writes one collective down in every kernel that it goes on beside.
_CHANNEL = re.compile(r"channel_id=([0-9]+),.*chain_id=")
_SHAPE = re.compile(r"\b([a-z]+[0-9]+[a-z0-9]*|pred)\[([0-9,]*)\]")
_BITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Collective:
    """One collective of a program.

    Attributes:
        kind: For instance `all-to-all`.
        bytes: What every device holds of its result.
        looped: Whether it stands in the body of a loop, and so happens more than once.
    """

    kind: str
    bytes: int
    looped: bool


def collectives(text: str) -> list[Collective]:
    """The collectives of a program that was compiled for several devices, in its order.

    Args:
        text: `compiled.as_text()`.
    """
    bodies = computations(text)
    looped = _within_loops(bodies)
    found = [
        (
            _channel(line, index),
            Collective(
                kind=call[2], bytes=_bytes(call[1], started=bool(call[3])), looped=name in looped
            ),
        )
        for index, (name, line) in enumerate(_every_line(bodies))
        if (call := _CALL.search(line))
    ]
    return list(dict(found).values())


def _every_line(bodies: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, line) for name, lines in bodies.items() for line in lines]


def _channel(line: str, index: int) -> str:
    """What tells a collective from others: its channel where it is written down several times."""
    channel = _CHANNEL.search(line)
    return f"channel {channel[1]}" if channel else f"line {index}"


def computations(text: str) -> dict[str, list[str]]:
    """The lines of each computation by its name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if start := _COMPUTATION.match(line):
            name = start[1]
        found.setdefault(name, []).append(line)
    return found


def _within_loops(bodies: dict[str, list[str]]) -> set[str]:
    """The names of all computations that a loop runs, however deep."""
    reached: set[str] = set()
    calls = {name: _called("\n".join(lines), bodies) for name, lines in bodies.items()}
    begin = [line for lines in bodies.values() for line in lines if " while(" in line]
    waiting = set().union(*(_called(line, bodies) for line in begin))
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= calls[name] - reached
    return reached


def _called(text: str, bodies: dict[str, list[str]]) -> set[str]:
    return {name for name in re.findall(r"[=,{ ]%?([\w.\-]+)", text) if name in bodies}


def _bytes(result: str, *, started: bool) -> int:
    """Bytes of a result; an asynchronous one also lists its operands, in front."""
    sizes = [
        math.prod(int(side) for side in sides.split(",") if side) * _width(kind)
        for kind, sides in _SHAPE.findall(result)
    ]
    return sum(sizes[len(sizes) // 2 :] if started and len(sizes) > 1 else sizes)


def _width(kind: str) -> int:
    bits = _BITS.search(kind)
    return max(1, int(bits[0]) // 8) if bits else 1
