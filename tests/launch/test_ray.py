"""Pilots as tasks of a Ray cluster of two nodes, one of which is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.launch.pilots import executor_of, left_over
from tests.launch.test_drive import Log, assert_exactly_once, small

from bestiary.cli import main
from bestiary.errors import UserError
from bestiary.launch import RayLauncher, Snapshot, drive
from bestiary.specs import RayOptions
from bestiary.store import StudyStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("found_by_workers"),
    # Ray warns of its own future, and leaves pipes of its processes to the garbage collector.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster(found_by_workers: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that holds nothing, and a node with two cores."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    started = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False},
    )
    yield started
    started.shutdown()


def test_a_node_killed_in_the_middle_costs_no_run(tmp_path: Path, cluster: Any) -> None:
    question, folder = small(), tmp_path / "study"
    doomed = cluster.add_node(num_cpus=2)
    launcher = RayLauncher(2, RayOptions(address=cluster.address))

    class Killing(Log):
        joined_before = 0

        @property
        def joined(self) -> int:
            return sum("joined" in line for line in self.notices)

        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if not self.joined_before and snapshot.done >= 3:
                self.joined_before = self.joined
                cluster.add_node(num_cpus=2, resources={"special": 1})
                cluster.remove_node(doomed, allow_graceful=False)

    with StudyStore.create(folder, question) as store:
        with executor_of(folder, question, "slow", launcher=launcher) as executor:
            drive(store, executor, log := Killing())
        assert log.joined_before
        assert_exactly_once(store, question)
        assert "lost" not in {one.outcome for one in store.attempts()}
    assert [line for line in log.notices if "a pilot ended: Ray lost" in line]
    assert log.joined > log.joined_before  # of its two pilots, the second may have been too late
    assert left_over(folder) == []
    for asked, named in (
        (RayOptions(address=cluster.address, gpus=1), "asks for GPU=1: the most .* is GPU=0"),
        (
            RayOptions(address=cluster.address, resources="tpu=4"),
            "asks for tpu=4: the most .* is tpu=0",
        ),
        (
            RayOptions(address=cluster.address, cpus=3),
            "asks for CPU=3: the most that one has is CPU=2",
        ),
    ):
        impossible = RayLauncher(1, asked)
        with pytest.raises(UserError, match=f"could ever hold a run that {named}"):
            impossible.check()


def test_an_address_that_does_not_answer_is_refused_before_the_folder_of_the_study_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    command = ["run", "smoke", "--on", "ray", "--out", str(tmp_path / "study")]
    for told in ([*command, "--ray.address", "127.0.0.1:1"], command):
        assert main(told) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "nothing answers at the Ray address 127.0.0.1:1: Conn" in line
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("resources", ["special", "special=0", "=1", "special=many"])
def test_resources_that_are_none_are_refused(resources: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(UserError, match="names with amounts above 0"):
        RayLauncher(1, RayOptions(resources=resources))
