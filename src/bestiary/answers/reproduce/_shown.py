"""What the figures show of the published study, in the records that own studies have."""

from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.answers.report import Row, row
from bestiary.answers.reproduce._record import TrainingOffset
from bestiary.evidence import PUBLISHED, Evidence, SeedNoise, published_evidence, stated_noise
from bestiary.evidence.published import LABELS, SIZES, pairs
from bestiary.measures import single_loss_measures
from bestiary.measures.published import Variant, offsets
from bestiary.specs import missing

# AdamW's 16x enters its curve only where others are compared there, as in the paper.
WITHIN = 8.0


def rows(variant: Variant) -> tuple[Row, ...]:
    """Every optimizer at every cell, at the noise of the variant."""
    evidence = _evidence(variant)
    return tuple(
        row(
            evidence.contenders[one.optimizer],
            one,
            single_loss_measures(
                evidence, variant.with_16x if one.ratio > WITHIN else variant.speedups, one
            ),
        )
        for one in evidence.observations
    )


def _evidence(variant: Variant) -> Evidence:
    name = next(name for name, version in PUBLISHED.items() if version == variant.version)
    evidence = published_evidence(name)
    source = next(iter(evidence.noise.values())).source
    noise = dict.fromkeys(evidence.noise, stated_noise(variant.noise, source))
    changed: Evidence = replace(evidence, noise=noise)
    return changed


def indistinct(noise: SeedNoise) -> dict[str, float]:
    """How far luck alone may part two ablations; which seed they ran is not stated."""
    return dict.fromkeys(SIZES, noise.half_width(noise.unpaired))


def training_offsets() -> Iterable[TrainingOffset]:
    """What remains at equal training loss, of every optimizer that has pairs."""
    known = offsets()
    for name in LABELS:
        if runs := sum(one.optimizer == name for one in pairs()):
            offset = known.get(name)
            yield TrainingOffset(
                optimizer=name,
                runs=runs,
                offset=offset.estimate if offset else missing("too few comparable runs"),
                cells=offset.cells if offset else 0,
            )
