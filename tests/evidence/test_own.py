"""What an own study's evidence says beside its numbers."""

import msgspec
from tests.tune.study import answer, study

from bestiary.evidence import own_evidence
from bestiary.specs import run_id

QUESTION = study(runs_per_cell=5, seeds=(1,))


def notes(**environment: str) -> tuple[str, ...]:
    """Of a study whose last run recorded this, and all others a quiet machine."""
    results, order = answer(QUESTION)
    quiet = {"load": "2.4", "machine cores": "2", "micro-batches": "1", "jax": "1"}
    found = {key: msgspec.structs.replace(one, environment=quiet) for key, one in results.items()}
    last = run_id(order[-1].run)
    recorded = msgspec.structs.replace(found[last], environment=quiet | environment)
    evidence = own_evidence(
        QUESTION, {run_id(one.run): one for one in order}, {**found, last: recorded}
    )
    assert evidence.provenance.environment == {"jax": "1", "machine cores": "2"}
    return evidence.notes


def test_times_from_a_busy_machine_are_a_reserve() -> None:
    quiet = notes()
    assert not any("busy" in note for note in quiet)
    (told,) = set(notes(load="9.51")) - set(quiet)
    assert "in 1 of" in told
    assert "a load of up to 9.5 on 2 cores" in told
    assert "speedups in time may be off" in told
