"""Which of a study's runs share a trunk, and so who waits for whom and begins where."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bestiary.specs import Planned, RunSpec, evaluation_steps, stable_steps, trunk_id

# Asked for the runs that are needed, those under way included, where a trunk has several.
Wanted = Callable[[], set[str]]


class _Branch(NamedTuple):
    """A run by where it leaves its trunk."""

    stable: int
    run_id: str
    run: RunSpec


class Trunks:
    """The trunks of the runs planned so far.

    Runs of one trunk are trained in the order in which they leave it, each from where the one
    before left, so that every step of the trunk is taken once.
    """

    def __init__(self) -> None:
        """Know of no run yet."""
        self._branches: dict[str, list[_Branch]] = {}
        self._trunk: dict[str, str] = {}

    def take(self, planned: Mapping[str, Planned]) -> None:
        """More runs, by their ids."""
        for identity, one in planned.items():
            if (stable := stable_steps(one.run)) and identity not in self._trunk:
                trunk = self._trunk[identity] = trunk_id(one.run)
                branches = self._branches.setdefault(trunk, [])
                branches.append(_Branch(stable, identity, one.run))
                branches.sort(key=lambda branch: branch[:2])

    def earlier(self, identity: str) -> list[str]:
        """The runs that leave the trunk of a run before it does."""
        return [one.run_id for one in self._around(identity, before=True)]

    def orders(self, identity: str, wanted: Wanted) -> tuple[int, tuple[int, ...]]:
        """The step at which a run leaves a checkpoint for those after it, and what they are asked.

        Args:
            identity: The run.
            wanted: The runs that are needed.

        Returns:
            The step, 0 where nobody wants it, and the steps up to it after which they are
            evaluated.
        """
        later = self._around(identity, before=False)
        later = [one for one in later if one.run_id in wanted()] if later else []
        if not later:
            return 0, ()
        stable = next(one.stable for one in self._all(identity) if one.run_id == identity)
        due = {step for one in later for step in evaluation_steps(one.run, stable)}
        return stable, tuple(sorted(due))

    def over(self, wanted: Wanted) -> Iterator[str]:
        """The runs of trunks of which no run is wanted any more."""
        for branches in self._branches.values():
            yield from self.over_with(branches[0].run_id, wanted)

    def over_with(self, identity: str, wanted: Wanted) -> list[str]:
        """The runs of the trunk of a run, where none of them is wanted any more."""
        branches = self._all(identity)
        names = [one.run_id for one in branches]
        return names if len(names) > 1 and wanted().isdisjoint(names) else []

    def _all(self, identity: str) -> list[_Branch]:
        trunk = self._trunk.get(identity)
        return [] if trunk is None else self._branches[trunk]

    def _around(self, identity: str, *, before: bool) -> list[_Branch]:
        branches = self._all(identity)
        place = next((i for i, one in enumerate(branches) if one.run_id == identity), 0)
        return branches[:place] if before else branches[place + 1 :]
