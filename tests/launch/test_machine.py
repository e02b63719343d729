"""Where workers run: shares of the cores, one thread each, huge pages, the user's settings kept."""

from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.launch import LocalExecutor, _machine
from bestiary.launch._machine import Place, environment, places


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_machine, "cores", lambda: [0, 1, 4, 5])
    monkeypatch.setattr(_machine, "accelerators", list)


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
    monkeypatch.setattr(_machine, "accelerators", lambda: ["0", "1"])
    assert [place.accelerator for place in places()] == ["0", "1"]
    assert [place.accelerator for place in places(3)] == ["0", "1", "0"]
    assert environment(Place(accelerator="1"), {"A": "b"}) == {
        "A": "b",
        "CUDA_VISIBLE_DEVICES": "1",
    }


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
