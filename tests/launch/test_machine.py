"""Where workers run: shares of the cores, one thread each, huge pages, the user's settings kept."""

from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.launch import LocalExecutor, _machine
from bestiary.launch._machine import Place, environment, places
from bestiary.store import Accelerators, _accelerators, accelerators


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_machine, "cores", lambda: [0, 1, 4, 5])
    monkeypatch.setattr(_machine, "accelerators", Accelerators)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("workers", "shares"),
    [
        (None, [(0,), (1,), (4,), (5,)]),
        (1, [(0, 1, 4, 5)]),
        (2, [(0, 4), (1, 5)]),
        (3, [(0, 5), (1,), (4,)]),
        (6, [(0,), (1,), (4,), (5,), (0,), (1,)]),
    ],
)
def test_workers_share_out_the_cores(workers: int | None, shares: list[tuple[int, ...]]) -> None:
    assert [place.cores for place in places(workers)] == shares


def test_each_accelerator_has_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _machine, "accelerators", lambda: Accelerators(kind="cuda", names=("0", "1"))
    )
    assert [place.accelerators for place in places()] == [("0",), ("1",)]
    assert [place.accelerators for place in places(3)] == [("0",), ("1",), ("0",)]
    assert environment(places()[1], {"A": "b"}) == {"A": "b", "CUDA_VISIBLE_DEVICES": "1"}


EIGHT = tuple("01234567")


def test_a_run_over_several_accelerators_sees_those_of_its_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_machine, "accelerators", lambda: Accelerators(kind="cuda", names=EIGHT))
    halves = places(devices=4)
    assert [environment(one, {}) for one in halves] == [
        {"CUDA_VISIBLE_DEVICES": "0,1,2,3"},
        {"CUDA_VISIBLE_DEVICES": "4,5,6,7"},
    ]
    with pytest.raises(UserError, match=r"divide the 8 .*, got 3; take 1, 2, 4 or 8"):
        places(devices=3)


def test_a_tpus_chips_are_divided_as_its_library_wants_to_be_told() -> None:
    """The variables are those of Cloud TPU's documentation; no TPU was at hand to try them."""
    chips = Accelerators(kind="tpu", names=EIGHT)
    assert chips.visible(chips.groups(2)[3]) == {
        "TPU_VISIBLE_CHIPS": "6,7",
        "TPU_CHIPS_PER_PROCESS_BOUNDS": "1,2,1",
        "TPU_PROCESS_BOUNDS": "1,1,1",
    }
    assert chips.visible(chips.groups(8)[0]) == {}, "a whole host is as it was set up"
    twelve = Accelerators(kind="tpu", names=tuple(map(str, range(12))))
    with pytest.raises(UserError, match="1, 2, 4 or 8 chips of a TPU, or all 12, got 6"):
        twelve.groups(6)


@pytest.mark.parametrize(("folder", "files"), [(".", "accel"), ("vfio", "")])
def test_a_tpu_is_found_by_its_files_where_jax_has_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, files: str
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    for chip in range(4):
        (tmp_path / folder / f"{files}{chip}").touch()
    (tmp_path / folder / "vfio").touch()
    monkeypatch.setattr(_accelerators, "_DEVICE_FILES", tmp_path)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.delenv("TPU_VISIBLE_CHIPS", raising=False)
    has = {"libtpu": True}
    monkeypatch.setattr(_accelerators.importlib.util, "find_spec", has.get)
    assert accelerators() == Accelerators(kind="tpu", names=("0", "1", "2", "3"))
    monkeypatch.setenv("TPU_VISIBLE_CHIPS", "2,3")
    assert accelerators().names == ("2", "3")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert accelerators() == Accelerators()
    has["libtpu"] = False
    monkeypatch.delenv("JAX_PLATFORMS")
    assert accelerators() == Accelerators()


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_machine, "accelerators", Accelerators)
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert places(1, devices=2)
    with pytest.raises(UserError, match="have 4 devices, but there is no accelerator here"):
        places(1, devices=4)
    with pytest.raises(UserError, match=r"one of --devices and --population"):
        LocalExecutor("corpora", devices=2, population=8)


@pytest.mark.parametrize("cores", [(), (3,), (0, 1)])
def test_a_worker_has_one_thread_on_any_share_of_the_cores(cores: tuple[int, ...]) -> None:
    """Their number would decide the last bits of its runs."""
    made = environment(Place(cores=cores), {"PATH": "/bin", "OMP_NUM_THREADS": "16"})
    assert made == {
        "PATH": "/bin",
        "NPROC": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }


def test_the_users_own_settings_stay() -> None:
    given = {
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0:glibc.malloc.check=1",
        "XLA_FLAGS": "--xla_dump_to=here",
        "JAX_PLATFORMS": "cpu",
    }
    made = environment(Place(cores=(0,)), given)
    assert {name: made[name] for name in given} == given


@pytest.mark.parametrize(("text", "count"), [("max 100000", 8), ("150000 100000", 1), ("x", 8)])
def test_a_containers_quota_bounds_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, count: int
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    monkeypatch.setattr(_machine, "_CGROUP", quota)
    monkeypatch.setattr(_machine.os, "sched_getaffinity", lambda _: set(range(8)))
    assert len(_machine.cores()) == count


def test_no_workers_is_a_mistake() -> None:
    with pytest.raises(UserError, match="at least 1, got 0"):
        LocalExecutor("corpora", workers=0)
