"""What `bestiary plan` says of memory."""

import pytest

from bestiary.cli._memory import memory_of, told_of_memory
from bestiary.specs import DataSpec
from bestiary.studies import STUDIES

DATA = DataSpec(name="text", digest="0" * 64)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.2, "all activations are kept."),
        (0.95, "of all activations: they are computed again."),
        (0.1, "divided into micro-batches it fits"),
        (0.0, "which is too little."),
    ],
)
def test_a_plan_says_what_the_memory_at_hand_means(share: float, words: str) -> None:
    memory = memory_of(STUDIES["proxy"].build(DATA))
    assert memory["undivided_bytes"] < memory["kept_bytes"] / 2
    here = int(share * memory["kept_bytes"]) * memory["workers_here"]
    assert words in told_of_memory({**memory, "bytes_here": here})


def test_of_few_layers_there_is_no_choice() -> None:
    memory = memory_of(STUDIES["laptop"].build(DATA))
    assert memory["undivided_bytes"] == memory["kept_bytes"]
    assert "activations" not in told_of_memory({**memory, "bytes_here": 2**50})
