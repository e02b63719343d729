"""`bestiary run`: carry out a study, or go on with it, and print its answer."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import tyro
from rich.console import Console

from bestiary.cli._flags import Repeated, Switch
from bestiary.cli._folders import default_folder
from bestiary.errors import BestiaryError, UserError
from bestiary.specs import (
    Count,
    Limit,
    Members,
    Price,
    Processes,
    RayOptions,
    Runs,
    SlurmOptions,
    Spec,
    Study,
)
from bestiary.store import StudyStore, results_elsewhere, software, software_apart

if TYPE_CHECKING:
    from bestiary.data import Corpus
    from bestiary.launch import AbstractExecutor, AbstractLauncher, LocalExecutor
    from bestiary.tune import Caps


class Flags(Spec, frozen=True, kw_only=True):
    """Run a study.

    Attributes:
        study: The study (`bestiary studies`), or your own as FILE.toml or FILE.py:FUNCTION.
        out: Its folder; by default `bestiary-STUDY` here. A study that is there already goes on.
        on: Where runs train: `local`, in processes of this command; `pilots`, in every `bestiary
            worker FOLDER`, on any machine that sees the folder; `slurm` or `ray`, in pilots that
            are started there (docs/cluster.md).
        workers: Processes that train; 0 for one per core, or per accelerator where there is one,
            and on Ray for as many as there is room for.
        devices: Devices of each run, laid over them as the machine chooses (docs/accelerators.md).
        population: The most runs, equal in all but seed and numbers, that are trained as one
            program; 0 for what is fastest on such a device, which on a CPU is each by itself.
        slurm: What is asked of Slurm for each of them.
        ray: What is asked of Ray for each of them.
        data: `stdlib` (the default), or a file or folder of .txt, .jsonl, .parquet or .bin; with
            its settings, as in `docs,field=body,weight=3.8` (or bytes_per_token, of .bin), or
            `wiki,for=validation`; here, or elsewhere as `s3://bucket/docs` (docs/own-data.md). May
            be given several times, for a mixture.
        tokenizer: `byte`, or the path of a tokenizer.json.
        sizes: Some of its sizes, with commas: a slice of the study, in a folder of its own.
        optimizers: Some of its optimizers, the baseline among them.
        ratios: Some of its data-to-model ratios.
        max_runs: End with what is known after so many runs; 0 for no limit.
        max_device_hours: The same after so many hours of training, added up over devices.
        max_cost: The same after these have cost so much, at the price of --price.
        price: Of a device-hour; the page then says what the study cost.
        reuse: Another study's folder whose equal runs are taken over, when text and program agree;
            may be given several times. Those that ran here before are known (docs/own-study.md).
        fresh: Train every run, also those that another study has.
        any_versions: Let pilots go on with a study that other code or packages began; its report
            says which there were.
        keep_weights: Keep the weights of the reported runs, in `weights` in its folder: for
            `bestiary evaluate` and `bestiary export`.
        retry_failed: Try the runs again that have failed; `bestiary status` says why they did.
        json: Print the analysis as JSON, and progress on stderr.
    """

    study: tyro.conf.Positional[str] = ""
    out: str = ""
    on: Literal["local", "pilots", "slurm", "ray"] = "local"
    workers: Processes = 0
    devices: Count = 1
    population: Members = 0
    slurm: SlurmOptions = SlurmOptions()
    ray: RayOptions = RayOptions()
    data: Repeated = ()
    tokenizer: str = "byte"
    sizes: str = ""
    optimizers: str = ""
    ratios: str = ""
    max_runs: Runs = 0
    max_device_hours: Limit = 0.0
    max_cost: Limit = 0.0
    price: Price = 0.0
    reuse: Repeated = ()
    fresh: Switch = False
    any_versions: Switch = False
    keep_weights: Switch = False
    retry_failed: Switch = False
    json: Switch = False


def run(flags: Flags) -> int:
    """Drive the study until nothing is needed, then write its page and print its table.

    Returns:
        0, or 1 where runs have failed, so that the answer may lack something.
    """
    from bestiary.cli._corpora import here
    from bestiary.cli._live import display
    from bestiary.cli._questions import StudyPart, asked, without_corpus
    from bestiary.launch import drive

    caps = _caps(flags)
    part = StudyPart(sizes=flags.sizes, optimizers=flags.optimizers, ratios=flags.ratios)
    flags = msgspec.structs.replace(flags, data=here(flags.data))
    launcher = _check_place(flags, without_corpus(flags.study, part))
    study, corpus = asked(flags.study, flags.data, flags.tokenizer, part)
    folder = Path(flags.out) if flags.out else default_folder(study.name)
    executor = _reusing(flags, folder, _executor(flags, folder, study, launcher))
    console = Console(stderr=flags.json)
    command = shlex.join(["bestiary", *sys.argv[1:]])
    with StudyStore.create(folder, study, command=command) as store:
        _check_program(flags, store)
        if flags.price:
            store.set_price(flags.price)
        lines = (study.question, *_repetition(study, corpus), f"study folder {folder}")
        console.print("\n".join(lines), highlight=False, markup=False)
        with executor, display(console) as observer:
            drive(
                store,
                executor,
                observer,
                retry_failed=flags.retry_failed,
                caps=caps,
                keep_weights=flags.keep_weights,
            )
        _conclude(store, as_json=flags.json)
        return _told_failures(store)


def _caps(flags: Flags) -> "Caps":
    from bestiary.tune import Caps

    if flags.max_cost and not flags.price:
        raise UserError("--max-cost needs what a device-hour costs; give --price too")
    return Caps(
        runs=flags.max_runs,
        device_hours=flags.max_device_hours,
        cost=flags.max_cost,
        price=flags.price,
    )


def _check_place(flags: Flags, study: Study) -> "AbstractLauncher | None":
    """Refuse a name, workers, memory or cluster that cannot be had, before any text is read.

    Returns:
        What will start the pilots; None where a person does, or none are needed.
    """
    from bestiary.cli._questions import check_text
    from bestiary.launch import check_memory, check_together

    if not flags.out:
        default_folder(study.name)
    check_text(study, flags.data, flags.tokenizer)
    check_together(flags.devices, flags.population)
    if flags.on == "local":
        check_memory(study, _local(flags, "").slots)
        return None
    launcher = _launcher(flags)
    if launcher is not None:
        launcher.check()
    return launcher


def _check_program(flags: Flags, store: StudyStore) -> None:
    """Refuse pilots for a study that another program began: they would all refuse it.

    One that trains here goes on, and says where last bits may not compare.
    """
    begun_with = store.begun_with()
    apart = software_apart(software(), begun_with) if begun_with else ""
    if apart and flags.on != "local" and not flags.any_versions:
        raise UserError(
            f"another program began this study: {apart}; install that one, or mix them with "
            "--any-versions, here and for every `bestiary worker`"
        )


def _executor(
    flags: Flags, folder: Path, study: Study, launcher: "AbstractLauncher | None"
) -> "AbstractExecutor":
    """What trains the runs; nothing is started yet."""
    from bestiary.cli._corpora import cache_folder
    from bestiary.launch import PilotsExecutor

    corpora = cache_folder() / "corpora"
    if flags.on != "local":
        together = flags.population or 1
        return PilotsExecutor(
            folder,
            study,
            corpora,
            launcher=launcher,
            devices=flags.devices,
            population=together,
        )
    return _local(flags, corpora)


def _local(flags: Flags, corpora: str | Path) -> "LocalExecutor":
    from bestiary.launch import LocalExecutor

    return LocalExecutor(
        corpora,
        workers=flags.workers or None,
        devices=flags.devices,
        population=flags.population,
    )


def _reusing(flags: Flags, folder: Path, executor: "AbstractExecutor") -> "AbstractExecutor":
    """The executor, before it the results of other studies."""
    from bestiary.cli._remembered import remember, remembered
    from bestiary.launch import ReusingExecutor

    named = [Path(one) for one in flags.reuse]
    for one in named:
        StudyStore.open(one, read_only=True).close()  # which says what is wrong with it
    if flags.fresh and named:
        raise UserError("--fresh takes over nothing, --reuse names what is; give one of them")
    others = [one for one in (*named, *remembered()) if one.resolve() != folder.resolve()]
    remember(folder)
    known = {} if flags.fresh else results_elsewhere(others, software())
    return ReusingExecutor(executor, known) if known else executor


def _launcher(flags: Flags) -> "AbstractLauncher | None":
    """What starts the pilots; None where a person does."""
    from bestiary.launch import RayLauncher, SlurmLauncher

    options = (
        *("--any-versions",) * flags.any_versions,
        *("--devices", str(flags.devices)) * (flags.devices > 1),
    )
    if flags.on == "ray":
        if flags.devices > 1 and flags.ray.gpus not in (0, flags.devices):
            raise UserError(
                f"a pilot has the devices of one run, got --ray.gpus {flags.ray.gpus:g} for "
                f"--devices {flags.devices}; give the same number"
            )
        return RayLauncher(flags.workers, flags.ray, options)
    if flags.on == "slurm":
        if not flags.workers:
            raise UserError("--on slurm needs --workers, the number of its jobs, each one worker")
        return SlurmLauncher(flags.workers, flags.slurm, options)
    if flags.workers:
        raise UserError("--workers is not of --on pilots; each `bestiary worker` takes its own")
    if flags.devices > 1:
        raise UserError("--devices is not of --on pilots; each `bestiary worker` takes its own")
    return None


def _conclude(store: StudyStore, *, as_json: bool) -> None:
    """Write and print the answer; where that fails, say that nothing of the work is lost."""
    from bestiary.cli._answer import conclude
    from bestiary.cli._results import evidence_in

    try:
        conclude(evidence_in(store), store.folder / "report.html", as_json=as_json)
    except UserError as error:
        reason = str(error).partition(";")[0]
        raise BestiaryError(
            f"every run is done and kept, but {reason}; free space there, then "
            f"`bestiary report {store.folder}`, which takes --out for another place"
        ) from None


def _repetition(study: Study, corpus: "Corpus") -> Iterator[str]:
    """A line where the longest run reads its text more than once: that is another question."""
    largest = max(20 * model.matrix_parameters for model in study.sizes.values())
    epochs = corpus.epochs(int(max(study.ratios) * largest))
    if epochs > 1:
        yield f"the longest run reads {corpus.spec.name} {epochs:.1f} times; more text avoids that"


def _told_failures(store: StudyStore) -> int:
    """The exit code; failures are told on stderr."""
    failed = sum(result.state == "failed" for result in store.results().values())
    if failed:
        print(
            f"bestiary: {failed} of the runs failed: `bestiary status {store.folder}` says why, "
            "--retry-failed tries them again",
            file=sys.stderr,
        )
    return 1 if failed else 0
