"""Files between driver and pilots: who cuts, edits or swaps one is found out; nothing is lost."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.launch.pilots import executor_of, left_over
from tests.launch.test_drive import small
from tests.tune.study import answer, outcome

from bestiary.errors import UserError
from bestiary.launch import Finished, Job, Lost, Pilot, PilotsExecutor, Stopped
from bestiary.launch import _crew as crew
from bestiary.launch import _pilot as pilot_module
from bestiary.launch._exchange import Answer, Damaged, Exchange, PilotCard, names, read, take, write
from bestiary.launch._messages import Event, Notice
from bestiary.store import StudyStore, owned_name, software

RUN = answer(small())[1][0].run
QUESTION = small()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[PilotsExecutor]:
    """The driver's side, with one order that nobody has."""
    StudyStore.create(tmp_path / "study", QUESTION).close()
    executor = executor_of(tmp_path / "study", QUESTION, "quick")
    executor.start()
    folder = tmp_path / "study" / "runs" / "a" / "attempt-1"
    executor.submit(Job(number=1, runs=(RUN,), folder=str(folder)))
    yield executor
    executor.close()


@pytest.fixture
def hand(driver: PilotsExecutor) -> pilot_module._Hand:
    """A pilot's side."""
    exchange = driver._exchange
    made = pilot_module._Hand(exchange, driver._terms, owned_name(), lambda line: None)
    made.open()
    return made


def said(executor: PilotsExecutor, seconds: float = 5.0) -> list[Event]:
    """The first events that are not about pilots."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = [one for one in executor.events(0.1) if not isinstance(one, Notice)]
        if found:
            return found
    return []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":2').replace(b"2.", b"1."))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def of_another_study(path: Path) -> None:
    whole = read(path, Answer)
    write(path, msgspec.structs.replace(whole, study="f" * 64))


def of_another_order(path: Path) -> None:
    whole = read(path, Answer)
    write(path, msgspec.structs.replace(whole, order="elsewhere-00000001"))


@pytest.mark.parametrize("harm", [cut, edited, emptied, of_another_study, of_another_order])
def test_an_answer_that_is_not_what_was_written_is_put_aside(
    driver: PilotsExecutor, hand: pilot_module._Hand, harm: Callable[[Path], None]
) -> None:
    assert hand.claim() is not None
    hand.hear(Finished(job=1, results=(outcome(RUN),)))
    harm(next(driver._exchange.answers.glob("*.json")))
    (event,) = said(driver)
    assert isinstance(event, Lost)
    assert "it was put aside" in event.reason
    assert len(list(driver._exchange.refused.iterdir())) == 1
    assert left_over(driver._exchange.study_folder) == []


def test_an_answer_comes_back_as_it_was_given(
    driver: PilotsExecutor, hand: pilot_module._Hand
) -> None:
    job = hand.claim()
    assert job is not None
    assert Path(job.folder).is_absolute()
    assert hand.claim() is None, "it was the only one"
    expected = Finished(job=1, results=(outcome(RUN),))
    hand.hear(expected)
    assert said(driver) == [expected]


@pytest.mark.parametrize("harm", [cut, edited, emptied])
def test_an_order_that_is_not_what_was_written_is_given_out_again(
    driver: PilotsExecutor, hand: pilot_module._Hand, harm: Callable[[Path], None]
) -> None:
    harm(next(driver._exchange.orders.glob("*.json")))
    assert hand.claim() is None
    (event,) = said(driver)
    assert isinstance(event, Lost)
    assert "cut or edited" in event.reason
    assert len(list(driver._exchange.refused.iterdir())) == 1


def test_an_order_of_another_driver_is_left_alone(
    driver: PilotsExecutor, hand: pilot_module._Hand
) -> None:
    order = next(driver._exchange.orders.glob("*.json"))
    foreign = order.with_name("00000000-00000009.json")
    foreign.write_bytes(order.read_bytes())
    assert hand.claim() is not None
    assert hand.claim() is None
    assert foreign.exists()


def test_an_order_cannot_name_a_folder_outside_of_its_study(
    driver: PilotsExecutor, hand: pilot_module._Hand
) -> None:
    path = next(driver._exchange.orders.glob("*.json"))
    path.unlink()
    driver.submit(Job(number=2, runs=(RUN,), folder=str(driver._exchange.study_folder.parent)))
    assert hand.claim() is None
    (event,) = said(driver)
    assert isinstance(event, Lost)
    assert "outside" in event.reason


def test_what_nobody_has_is_taken_back_when_the_study_stops(
    driver: PilotsExecutor, hand: pilot_module._Hand
) -> None:
    driver.stop()
    assert said(driver) == [Stopped(job=1)]
    assert hand.claim() is None


def test_a_pilot_that_shows_no_life_loses_its_order_and_what_it_answers_then_is_of_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(crew, "is_abandoned", lambda name: False)
    executor = executor_of(tmp_path, QUESTION, "quick", lease_seconds=0.3)
    executor.start()
    executor.submit(Job(number=1, runs=(RUN,), folder=str(tmp_path / "runs" / "a")))
    asleep = pilot_module._Hand(executor._exchange, executor._terms, "asleep", lambda line: None)
    asleep.open()
    assert asleep.claim() is not None
    card = PilotCard(pilot="asleep", host="there", pid=1, slots=1, beat=1)
    write(executor._exchange.card_file("asleep"), card)
    (event,) = said(executor)
    assert isinstance(event, Lost)
    assert event.with_machine
    assert "on there (process 1) showed no life for 0.3 s" in event.reason
    assert asleep.has_lost_a_claim()
    asleep.hear(Finished(job=1, results=(outcome(RUN),)))
    assert said(executor, 0.3) == []
    assert left_over(tmp_path) == []
    executor.close()


def test_a_pilot_whose_clock_is_years_off_lives_as_long_as_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files bear any date, and the driver's own clock jumps: neither is looked at."""
    monkeypatch.setattr(crew, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(crew, "is_abandoned", lambda name: False)
    years, wall = 315_360_000, time.time
    jumps = itertools.cycle([0, years, -years])
    monkeypatch.setattr(time, "time", lambda: wall() + next(jumps))
    executor = executor_of(tmp_path, QUESTION, "quick", lease_seconds=0.3)
    executor.start()
    executor.submit(Job(number=1, runs=(RUN,), folder=str(tmp_path / "runs" / "a")))
    hand = pilot_module._Hand(executor._exchange, executor._terms, "ahead", lambda line: None)
    hand.open()
    assert hand.claim() is not None
    path = executor._exchange.card_file("ahead")
    for beat in range(8):
        write(path, PilotCard(pilot="ahead", host="there", pid=1, slots=1, beat=beat))
        date = wall() + next(jumps)
        os.utime(path, (date, date))
        assert said(executor, 0.1) == []
    hand.hear(Finished(job=1, results=(outcome(RUN),)))
    assert said(executor) == [Finished(job=1, results=(outcome(RUN),))]
    executor.close()


def test_a_pilot_of_another_program_is_refused_and_the_difference_named(
    tmp_path: Path, driver: PilotsExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = software() | {"jax": "0.1", "code": "0" * 12}
    monkeypatch.setattr(pilot_module, "software", lambda: other)
    pilot = Pilot(tmp_path / "study", tmp_path, patience_seconds=20, say=lambda line: None)
    with pytest.raises(UserError, match=r"jax 0\.1 here, .* there; code 000000000000 here, .* mix"):
        pilot.serve()
    assert names(driver._exchange.crew) == []


def test_a_pilot_refuses_a_study_that_another_program_began(
    tmp_path: Path, driver: PilotsExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    begun_with = software() | {"code": "0" * 12}
    monkeypatch.setattr(StudyStore, "begun_with", lambda self: begun_with)
    refused = Pilot(tmp_path / "study", tmp_path, patience_seconds=20)
    with pytest.raises(UserError, match=r"what began the study .*: code .* here, 000000000000 the"):
        refused.serve()
    willing = Pilot(tmp_path / "study", tmp_path, any_versions=True, say=told.append)
    willing._check_versions(driver._terms)
    assert [line for line in told if "not the program of what began the study: code" in line]


def test_a_study_says_which_program_began_it(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path, QUESTION) as store:
        assert store.begun_with() == software()


@pytest.mark.parametrize("protocol", [0, 2])
def test_files_of_another_protocol_are_not_read_and_both_versions_are_named(
    tmp_path: Path, driver: PilotsExecutor, hand: pilot_module._Hand, protocol: int
) -> None:
    def spoken(path: Path) -> None:
        text = path.read_text()
        assert '{"protocol":1,' in text
        path.write_text(text.replace('"protocol":1', f'"protocol":{protocol}'))

    spoken(next(driver._exchange.orders.glob("*.json")))
    assert hand.claim() is None
    (event,) = said(driver)
    assert isinstance(event, Lost)
    assert f"of version {protocol} of the protocol" in event.reason
    driver._closed.set()  # its heartbeat would write the card again
    assert driver._heart is not None
    driver._heart.join()
    spoken(driver._exchange.terms)
    pilot = Pilot(tmp_path / "study", tmp_path, patience_seconds=20)
    with pytest.raises(UserError, match="this program speaks version 1; install the driver's"):
        pilot.serve()


def test_a_pilot_without_the_text_is_refused(tmp_path: Path, driver: PilotsExecutor) -> None:
    (tmp_path / "corpora" / QUESTION.data.digest).rmdir()
    pilot = Pilot(tmp_path / "study", tmp_path / "own", patience_seconds=20)
    with pytest.raises(UserError, match=r"corpus 000000000000.* neither in .* nor in .*own; copy"):
        pilot.serve()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sees no study in .*nowhere"):
        Pilot(tmp_path / "nowhere", tmp_path).serve()


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path, ends = tmp_path / "card.json", threading.Event()

    def writing() -> None:
        beat = 0
        while not ends.is_set():
            beat += 1
            write(path, PilotCard(pilot="a" * beat, host="", pid=1, slots=1, beat=beat))

    thread = threading.Thread(target=writing)
    thread.start()
    seen = set()
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        try:
            seen.add(read(path, PilotCard).beat)
        except FileNotFoundError:
            assert not seen
    ends.set()
    thread.join()
    assert len(seen) > 1
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged):
        read(path, PilotCard)


def test_of_many_that_claim_one_gets_it(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    exchange.lay()
    exchange.order_file("a").touch()
    got, start = [], threading.Barrier(8)

    def claiming(number: int) -> None:
        (exchange.claimed / str(number)).mkdir()
        start.wait()
        if take(exchange.order_file("a"), exchange.claimed / str(number) / "a.json"):
            got.append(number)

    threads = [threading.Thread(target=claiming, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1
    assert exchange.claims() == {"a": str(got[0])}
    assert os.listdir(exchange.orders) == []
