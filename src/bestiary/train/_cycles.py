"""The compiler's own estimate of a program: the cycles it states for each kernel of its text.

Of a loop it states the cycles of one pass; its passes are the bound that its condition compares
with. (`cost_analysis` counts every loop once, and its `optimal_seconds` of a step is negative.)
It states none for hand-written kernels, whose cycles are given.
"""

import re
from collections.abc import Callable, Mapping

from bestiary.train._collectives import computations

_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_BOUND = re.compile(r"s32\[\]\S* constant\((\d+)\)")
_LOOP = re.compile(r" while\(.*condition=%?([\w.\-]+), body=%?([\w.\-]+)")
_KERNEL = re.compile(
    r"^ *(?:ROOT )?%?([\w.\-]+?)(?:\.[0-9]+)? = .* custom-call\("
    r".*custom_call_target=\"tpu_custom_call\""
)
_BRANCHES = re.compile(
    r" conditional\(.*?(?:branch_computations=\{([^}]*)\}|"
    r"true_computation=(\S+), false_computation=(\S+))"
)


def cycles(text: str, kernels: Mapping[str, int], *, of_branches: Callable[..., int] = max) -> int:
    """The cycles of a program, loops as often as they run, of branches the longest.

    Args:
        text: `compiled.as_text()` of a program for a TPU; 0 for what states no cycles.
        kernels: The cycles of hand-written kernels by name, without the number of a call.
        of_branches: Which of the branches counts; `min` is a step that refreshes nothing.

    Raises:
        LookupError: a hand-written kernel that is not given.
    """
    bodies = computations(text)
    entry = re.search(r"^ENTRY %?([\w.\-]+)", text, re.MULTILINE)
    return _of(entry[1], bodies, kernels, of_branches) if entry else 0


def _of(
    name: str,
    bodies: dict[str, list[str]],
    kernels: Mapping[str, int],
    of_branches: Callable[..., int],
) -> int:
    total = 0
    for line in bodies.get(name, []):
        if kernel := _KERNEL.search(line):
            total += kernels[kernel[1]]
        if stated := _CYCLES.search(line):
            total += int(stated[1])
        if loop := _LOOP.search(line):
            total += _passes(bodies.get(loop[1], [])) * _of(loop[2], bodies, kernels, of_branches)
        if branches := _BRANCHES.search(line):
            names = re.findall(r"[\w.\-]+", ",".join(filter(None, branches.groups())))
            total += of_branches(_of(one, bodies, kernels, of_branches) for one in names)
    return total


def _passes(condition: list[str]) -> int:
    return max((int(bound) for bound in _BOUND.findall("\n".join(condition))), default=1)
