"""Which pilots there are, and which live: told by heartbeats that are watched, not by clocks."""

import time
from collections.abc import Iterable, Mapping

import msgspec

from bestiary.launch._exchange import Damaged, Exchange, PilotCard, Underway, names, read
from bestiary.store import is_abandoned

LOOK_SECONDS = 0.5
# The most that the driver's own silence between two looks counts as a pilot's standing still.
LISTENING_SECONDS = 5.0


class Seen(msgspec.Struct, kw_only=True):
    """What a look at the pilots found.

    Attributes:
        notices: Who came and who went.
        underway: How far the orders are whose pilots have told something new.
        dead: Why each pilot that has died is taken for dead.
        claims: Who has which order: pilots by orders, the dead among them.
    """

    notices: list[str] = []
    underway: list[Underway] = []
    dead: dict[str, str] = {}
    claims: dict[str, str] = {}


class _Watched(msgspec.Struct):
    """A pilot, and for how long it has stood still while the driver looked."""

    card: PilotCard | None
    still_seconds: float = 0.0

    @property
    def shown(self) -> str:
        return f"{self.card.host} (process {self.card.pid})" if self.card else "a pilot"


class Crew:
    """The pilots of one driver."""

    def __init__(self, exchange: Exchange, lease_seconds: float) -> None:
        """Know nobody yet."""
        self._exchange, self._lease_seconds = exchange, lease_seconds
        self._pilots: dict[str, _Watched] = {}
        self._gone: dict[str, str] = {}
        self._looked = -LOOK_SECONDS

    @property
    def slots(self) -> int:
        """How many orders the pilots can train at once."""
        return sum(one.card.slots for one in self._pilots.values() if one.card)

    def look(self, gone: Mapping[str, str]) -> Seen | None:
        """Look again; None where that is too early.

        Args:
            gone: Whom a launcher knows to be gone, and why, by what their names begin with.
        """
        self._gone |= gone
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return None
        listened = min(now - self._looked, LISTENING_SECONDS)
        self._looked = now
        seen = Seen(claims=self._exchange.claims())
        cards = self._cards()
        for name in cards.keys() | set(seen.claims.values()) | self._pilots.keys():
            self._see(name, cards.get(name), listened, seen)
        return seen

    def bury(self, dead: Iterable[str]) -> None:
        """Remove what a dead pilot left; where it lives after all, it sees that it has no claim."""
        for name in dead:
            self._pilots.pop(name, None)
            folder = self._exchange.claimed / name
            for order in names(folder):
                (folder / f"{order}.json").unlink(missing_ok=True)
            self._exchange.card_file(name).unlink(missing_ok=True)

    def _see(self, name: str, card: PilotCard | None, listened: float, seen: Seen) -> None:
        known = self._pilots.get(name)
        if known is None:
            known = self._pilots[name] = _Watched(card)
            if card:
                many = "worker" if card.slots == 1 else "workers"
                seen.notices.append(f"pilot on {known.shown} joined, {card.slots} {many}")
        elif card is None and name not in seen.claims.values():
            del self._pilots[name]
            seen.notices.append(f"pilot on {known.shown} left")
            return
        elif card is None or (known.card and card.beat == known.card.beat):
            known.still_seconds += listened
        else:
            seen.underway += [one for one in card.underway if _is_news(one, known.card)]
            known.card, known.still_seconds = card, 0.0
        ended = next((why for begin, why in self._gone.items() if name.startswith(begin)), "")
        if ended:
            seen.dead[name] = f"the pilot on {known.shown} ended: {ended}"
        elif is_abandoned(name):
            seen.dead[name] = f"the pilot on {known.shown} died"
        elif known.still_seconds > self._lease_seconds:
            seen.dead[name] = (
                f"the pilot on {known.shown} showed no life for {self._lease_seconds:g} s"
            )

    def _cards(self) -> dict[str, PilotCard]:
        found = {}
        for name in names(self._exchange.crew):
            path = self._exchange.card_file(name)
            try:
                found[name] = read(path, PilotCard)
            except FileNotFoundError:
                continue
            except Damaged:
                self._exchange.refuse(path)  # the pilot's next heartbeat makes another
        return found


def _is_news(one: Underway, before: PilotCard | None) -> bool:
    return before is None or one not in before.underway
