"""Carry out a study under its lock, until nothing is needed or somebody asks to stop."""

from bestiary import tune
from bestiary.errors import StopRequested
from bestiary.launch._driver import Driver
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._snapshot import Observer, Sheltered, Silent
from bestiary.launch._stopping import StopSignals
from bestiary.store import StudyStore, stop_requested, withdraw_request

ATTEMPTS = 3
GRACE_SECONDS = 30.0


def drive(
    store: StudyStore,
    executor: AbstractExecutor,
    observer: Observer | None = None,
    *,
    attempts: int = ATTEMPTS,
    grace_seconds: float = GRACE_SECONDS,
    retry_failed: bool = False,
    caps: tune.Caps | None = None,
    keep_weights: bool = False,
) -> None:
    """Run a study to its end, or go on with it where it was.

    Args:
        store: The study, open for writing.
        executor: Trains the runs. It is asked to stop but not closed: that is its owner's.
        observer: Is shown every change.
        attempts: A run whose worker dies so many times is `failed`.
        grace_seconds: How long the workers may take to write checkpoints when interrupted.
        retry_failed: Whether to try the runs again that have failed so far.
        keep_weights: Whether the reported runs that it trains leave their weights, for export and
            downstream tasks.
        caps: Where the study ends though more is needed; runs that have begun are finished.

    Raises:
        UserError: another driver works on the study, or the study cannot run.
        StopRequested: Ctrl-C, SIGTERM, SIGHUP or `bestiary stop` came; everything so far is kept.
        BestiaryError: the disk is full, or runs of different optimizers fail one after another.
    """
    tune.needed(store.study, {})  # refuses a study that cannot run, changing nothing
    observer = Sheltered(observer or Silent())
    with store.driving() as held, StopSignals() as asked:
        withdraw_request(store.folder)  # one that came before this driver was not for it
        if retry_failed:
            observer.notice(_forgotten(store))
            held = store.contents()
        executor.start()
        driver = Driver(
            store,
            held,
            executor,
            observer,
            attempts=attempts,
            caps=caps or tune.Caps(),
            keep_weights=keep_weights,
        )
        try:
            while driver.advance():
                if stop_requested(store.folder):
                    asked.request()
                if asked.count:
                    driver.stop(grace_seconds, asked)
                    raise StopRequested(driver.farewell(), asked.signal)
            if driver.needs_more and (limit := driver.capped()):
                observer.notice(
                    f"the study ends at {limit} with what is known; it needs more, and the same "
                    "command goes on with a higher limit"
                )
        finally:
            driver.give_up()
            withdraw_request(store.folder)


def _forgotten(store: StudyStore) -> str:
    """Forget the failures, and say how many there were."""
    count = store.forget_failed()
    if count:
        return f"trying {count} failed {'run' if count == 1 else 'runs'} again"
    return "no run has failed; a run that diverged has a result, and is not tried again"
