"""A study that is asked for again, with what is no part of its question as its folder has it."""

import msgspec
from msgspec import UNSET

from bestiary.specs import DataSpec, Phases, Study, checked
from bestiary.store._older import as_older, is_older


def as_held(held: Study, study: Study, text: str) -> tuple[Study, Study]:
    """The study to go on with, and what has to equal the one that is held.

    Args:
        held: The study of a folder.
        study: What is asked for.
        text: The held study as it is stored; an older Bestiary did not write every field.
    """
    study = _freezing_as(held, _called_as(held, study))
    if is_older(text):
        return study, as_older(checked(study))
    study = _with_ranges_of(held, checked(study))
    return study, study


def _called_as(held: Study, study: Study) -> Study:
    """The study with what is no part of the question as another has it.

    A corpus is its digest, whatever it is called and whatever the study says of its tokens; one of
    an older schema goes on in its own.
    """
    data = DataSpec(name=held.data.name, digest=study.data.digest)
    return msgspec.structs.replace(study, data=data, tokenizer=held.tokenizer, schema=held.schema)


def _freezing_as(held: Study, study: Study) -> Study:
    """The study by the rule of another that was begun before rules had names: it keeps its plan."""
    if not (isinstance(held.phases, Phases) and isinstance(study.phases, Phases)):
        return study
    if held.phases.freezing is not UNSET:
        return study
    phases = msgspec.structs.replace(study.phases, freezing=UNSET)
    return msgspec.structs.replace(study, phases=phases)


def _with_ranges_of(held: Study, study: Study) -> Study:
    """The study with what numbers can be as another has it.

    The program states that, and may have learnt better since: a study goes on as it began.
    """
    ranges = {one.name: one.ranges for one in held.candidates}
    candidates = tuple(
        msgspec.structs.replace(one, ranges=ranges.get(one.name, one.ranges))
        for one in study.candidates
    )
    return msgspec.structs.replace(study, candidates=candidates)
