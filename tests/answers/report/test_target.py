"""What is said of runs towards a target loss: a winner only where it is one, by every answer."""

from collections.abc import Mapping, Sequence

import pytest

from bestiary.answers.check import check_target
from bestiary.answers.report import analyse_target
from bestiary.errors import UserError
from bestiary.evidence import TargetEvidence, target_evidence
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin, TargetLoss


def seen(took: Mapping[str, Sequence[float | None]]) -> TargetEvidence:
    rows = [
        ForeignResult(
            optimizer=name,
            size="1m",
            seed=seed,
            reached=amount is not None,
            amount=amount,
            file="x",
            row=row,
        )
        for row, (name, seed, amount) in enumerate(
            (name, seed, amount) for name, own in took.items() for seed, amount in enumerate(own)
        )
    ]
    return target_evidence(
        ForeignImport(
            origin=ImportOrigin(source="speedrun"),
            target=TargetLoss(loss=3.28, counted="tokens"),
            results=tuple(rows),
        )
    )


ADAMW = [5000.0, 5100.0, 4950.0, 5020.0]
MUON = [3800.0, 3870.0, 3740.0, 3830.0]


def test_the_fewest_is_named_where_it_is_beyond_noise() -> None:
    (told,) = analyse_target(seen({"adamw": ADAMW, "muon": MUON})).answer
    assert told.startswith("muon needs the fewest tokens to 3.28 nats per token: adamw needs 1.3")


def test_one_that_never_got_there_but_may_need_fewer_leaves_open_which() -> None:
    soap = [2000.0, 2050.0, 1980.0, None]
    told, more = analyse_target(seen({"adamw": ADAMW, "muon": MUON, "soap": soap})).answer
    assert more.startswith("Some runs of soap never got there: adamw needs at most 2.")
    assert told.startswith("Fewer tokens to 3.28 nats per token than adamw beyond noise: muon 1.3")
    assert told.endswith("which needs the fewest is open.")


def test_equal_ones_have_no_winner_and_a_claim_says_the_same() -> None:
    evidence = seen({"adamw": ADAMW, "muon": ADAMW[::-1]})
    (told,) = analyse_target(evidence).answer
    assert told.startswith("No optimizer needs fewer tokens")
    claimed = check_target("muon is faster than adamw", evidence)
    assert claimed.items[0].outcome == "unknown"
    assert check_target("muon is 2x faster than adamw", evidence).items[0].outcome == "failed"


@pytest.mark.parametrize("claim", ["muon has 5% lower loss", "muon is 2x faster at 8x"])
def test_what_such_runs_do_not_say_is_refused(claim: str) -> None:
    with pytest.raises(UserError, match="say nothing of"):
        check_target(claim, seen({"adamw": ADAMW, "muon": MUON}))


def test_steps_and_tokens_say_nothing_of_time() -> None:
    found = check_target("muon needs 20% less time", seen({"adamw": ADAMW, "muon": MUON}))
    assert found.items[0].outcome == "unknown"
    assert "tokens to the loss were counted" in found.items[0].evidence
