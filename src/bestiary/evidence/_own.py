"""The evidence of an own study: its runs, sorted by optimizer, cell and seed."""

from collections.abc import Mapping, Sequence

from bestiary.evidence._design import design_of
from bestiary.evidence._noise import noise_by_size, unmeasured_noise
from bestiary.evidence._odd_seeds import set_apart
from bestiary.evidence._phases import phase_notes
from bestiary.evidence._record import (
    Contender,
    Evidence,
    LossCourse,
    Observation,
    Provenance,
    SeedRun,
    Tried,
    TuningBehind,
)
from bestiary.specs import (
    LOAD,
    MACHINE_CORES,
    OF_ONE_RUN,
    POPULATION,
    Candidate,
    Cell,
    Configuration,
    Planned,
    RunResult,
    Study,
    digest,
    is_busy,
)
from bestiary.tune import Planner, Winner, ledger_of, spending, winners_of

# An allowance for what a tuning leaves, in units of the least gain that it moves for.
LEFT = 4 / 3
Results = Mapping[str, RunResult]
# Planned runs with their results, None where there is none yet.
Runs = list[tuple[Planned, RunResult | None]]
Place = tuple[str, Cell]


def own_evidence(
    study: Study,
    planned: Mapping[str, Planned],
    results: Results,
    *,
    command: str = "",
    price: float = 0.0,
    assumed_noise: float | None = None,
) -> Evidence:
    """What a study saw so far.

    Args:
        study: The question.
        planned: Every run planned so far by its id, in the order of planning.
        results: Results by run id; those of runs that are not planned are not read.
        command: The command that produced the study.
        price: Of one device for one hour; 0 where nothing was said.
        assumed_noise: Standard deviation between seeds in nats, read where none was measured; by
            `assumed_noise` of N where it is None.
    """
    reported, tuned = _sorted(planned, results)
    planner = Planner(study, results)
    chosen = winners_of(planner)
    observations, odd = set_apart(
        [
            _observation(study, one, cell, reported, tuned, chosen)
            for cell in study.cells
            for one in study.candidates
        ],
        {one.name: one.label for one in study.candidates},
    )
    finished = [results[one] for one in planned if one in results]
    busy = _busy(finished)
    environment = _environment(finished)
    return Evidence(
        name=study.name,
        kind="own study",
        question=study.question,
        baseline=study.baseline,
        contenders={
            one.name: Contender(
                label=one.label, family=one.family, schedule=one.schedule, ranges=one.ranges
            )
            for one in study.candidates
        },
        sizes=_by_parameters(study),
        observations=observations,
        noise=_noise(study, observations, assumed_noise),
        tuning_luck=LEFT * study.tuning.minimum_gain,
        planned=len(planned),
        finished=len(finished),
        effort=ledger_of(planner),
        spending=spending(study, planned, results),
        price=price,
        clock_doubt="".join(busy),
        notes=(*phase_notes(planner), *odd, *busy, *_shared(finished)),
        provenance=Provenance(
            study_digest=digest(study),
            data_name=study.data.name,
            data_digest=study.data.digest,
            environment=environment,
            command=command,
        ),
        facts={
            "data": f"{study.data.name} {study.data.digest[:12]}",
            "report seeds": ", ".join(map(str, _seeds(observations))),
            "command": command,
            "runs finished": f"{len(finished)} of {len(planned)}",
            **environment,
            **design_of(study),
        },
    )


def _by_parameters(study: Study) -> dict[str, float]:
    """Sizes and their N, ascending."""
    sizes = {size: float(model.matrix_parameters) for size, model in study.sizes.items()}
    return dict(sorted(sizes.items(), key=lambda item: item[1]))


def _seeds(observations: Sequence[Observation]) -> list[int]:
    return sorted({run.seed for one in observations for run in one.runs if run.seed is not None})


def _sorted(
    planned: Mapping[str, Planned], results: Results
) -> tuple[dict[Place, Runs], dict[Place, Runs]]:
    """Reported and tuning runs by optimizer and cell; of several winners the last planned."""
    reported: dict[Place, Runs] = {}
    tuned: dict[Place, Runs] = {}
    for identity, one in planned.items():
        kept = reported if one.purpose == "report" else tuned
        runs = kept.setdefault((one.optimizer, one.cell), [])
        if kept is reported and runs and runs[0][0].configuration != one.configuration:
            runs.clear()
        runs.append((one, results.get(identity)))
    return reported, tuned


def _observation(
    study: Study,
    one: Candidate,
    cell: Cell,
    reported: dict[Place, Runs],
    tuned: dict[Place, Runs],
    chosen: Mapping[Place, Winner],
) -> Observation:
    """One optimizer at one cell, also where nothing has run yet."""
    place = (one.name, cell)
    runs = sorted(reported.get(place, []), key=lambda pair: pair[0].run.seed)
    parameters = float(study.sizes[cell.size].matrix_parameters)
    settings = runs[0][0].configuration if runs else {}
    spec = runs[0][0].run if runs else None
    return Observation(
        optimizer=one.name,
        size=cell.size,
        parameters=parameters,
        ratio=cell.ratio,
        tokens=float(spec.tokens) if spec else 20 * parameters * cell.ratio,
        tokens_per_step=spec.tokens / spec.steps if spec else None,
        settings=settings,
        runs=tuple(_seed_run(plan, result) for plan, result in runs if result),
        pending=sum(result is None for _, result in runs),
        full_length=True,  # a result that is `done` took every planned step
        tuning=_behind(chosen.get(place), settings),
        tried=tuple(_tried(plan, result) for plan, result in tuned.get(place, []) if result),
    )


def _behind(winner: Winner | None, settings: Configuration) -> TuningBehind:
    """The tuning that the planner chose these settings by."""
    if winner is None or winner.configuration != settings:
        return TuningBehind()
    return TuningBehind(
        runs=winner.effort,
        coordinates=winner.varied,
        unbracketed=winner.edges,
        cell=winner.tuned_in,
        inherited=winner.inherited,
    )


def _seed_run(plan: Planned, result: RunResult) -> SeedRun:
    tokens_per_step = plan.run.tokens // plan.run.steps
    report = [one for one in result.evaluations if "report" in one.loss]
    return SeedRun(
        seed=plan.run.seed,
        state=result.state,
        loss=result.loss["report"] if result.state == "done" else None,
        step_seconds=result.step_seconds if result.step_seconds > 0 else None,
        bits_per_byte=result.bits_per_byte.get("report"),
        state_bytes=result.state_bytes,
        validation=LossCourse(
            progress=tuple(float(one.tokens) for one in report),
            losses=tuple(one.loss["report"] for one in report),
        ),
        training=LossCourse(
            progress=tuple(float(point.step * tokens_per_step) for point in result.curve),
            losses=tuple(point.loss for point in result.curve),
        ),
        run_id=result.run_id,
    )


def _tried(plan: Planned, result: RunResult) -> Tried:
    return Tried(
        settings=plan.configuration,
        state=result.state,
        loss=result.loss["selection"] if result.state == "done" else None,
        batch_size=plan.run.batch_size,
    )


def _noise(study: Study, observations: Sequence[Observation], assumed: float | None) -> dict:
    """Of the reported losses."""
    cells: dict[str, dict[Cell, list[tuple[str, int, float]]]] = {size: {} for size in study.sizes}
    for one in observations:
        cells[one.size].setdefault(one.cell, []).extend(
            (one.optimizer, run.seed, run.loss)
            for run in one.done
            if run.seed is not None and run.loss is not None
        )
    return noise_by_size(
        {size: own.values() for size, own in cells.items()},
        lambda size: unmeasured_noise(float(study.sizes[size].matrix_parameters), assumed),
    )


def _busy(results: Sequence[RunResult]) -> tuple[str, ...]:
    """A reserve where runs were timed on a machine that had more to do."""
    busy = [one.environment for one in results if is_busy(one.environment)]
    if not busy:
        return ()
    most = max(busy, key=lambda environment: float(environment[LOAD]))
    return (
        f"The machine was busy with more than this study in {len(busy)} of {len(results)} runs "
        f"(a load of up to {float(most[LOAD]):.1f} on {most[MACHINE_CORES]} cores): speedups in "
        "time may be off, speedups in tokens are not.",
    )


def _shared(results: Sequence[RunResult]) -> tuple[str, ...]:
    """A reserve where runs were trained several as one program."""
    many = [int(one.environment[POPULATION]) for one in results if POPULATION in one.environment]
    if not many:
        return ()
    return (
        f"{len(many)} of {len(results)} runs were trained as populations of up to {max(many)}: "
        "their times are shares, which do not compare with those of runs alone, and their last "
        "bits may differ from theirs.",
    )


def _environment(results: Sequence[RunResult]) -> dict[str, str]:
    """What the runs recorded of versions and machine; different values are joined."""
    values: dict[str, dict[str, None]] = {}
    for result in results:
        for key, value in result.environment.items():
            if key in OF_ONE_RUN:
                continue
            values.setdefault(key, {})[value] = None
    return {key: "; ".join(sorted(seen)) for key, seen in sorted(values.items())}
