"""Optimizers of other packages: docs/adding-an-optimizer.md does what it says."""

import os
import random
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import optax
import pytest

from bestiary.errors import UserError
from bestiary.launch import LocalExecutor
from bestiary.launch._messages import Finished, Job
from bestiary.optimizers import (
    CATALOGUE,
    Hyperparameters,
    available,
    from_optax,
    lookup,
    resolve,
)
from bestiary.optimizers._plugins import GROUP, plugins
from bestiary.optimizers._provenance import provenance
from bestiary.specs import Label, RunResult, RunSpec

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-optimizer.md"
LABELS = {
    "head": Label(role="head", kind="head"),
    "norm": Label(role="vector", kind="norm"),
}


def install(folder: Path, modules: dict[str, str], points: dict[str, str]) -> None:
    """What pip leaves of a package: its modules, and what its metadata says."""
    about = folder / "my_optimizers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-optimizers\nVersion: 1.0\n")
    lines = [f"{name} = {value}\n" for name, value in points.items()]
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(lines))
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, of which this process and those it starts know."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    others = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *others]))
    plugins.cache_clear()
    yield folder
    plugins.cache_clear()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow(13)
def test_the_page_does_what_it_says(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _, _ = PAGE.read_text().partition("## To the catalogue")
    assert len(own.splitlines()) < 60
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", own, flags=re.DOTALL))
    points = tomllib.loads(blocks["toml"])["project"]["entry-points"][GROUP]
    install(site, {"my_optimizers": blocks["python"]}, points)
    words = random.Random(0).choices(("the", "fox", "sees", "a", "dog", "\n\n"), k=9000)
    (tmp_path / "my_text.txt").write_text(" ".join(words))
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    pip, *commands = blocks["sh"].splitlines()
    assert pip == "pip install -e ."  # of which `install` leaves the same
    for command in commands:
        bestiary, *arguments = shlex.split(command)
        assert bestiary == "bestiary"
        done = subprocess.run(
            [sys.executable, "-m", "bestiary.cli", *arguments],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "adafactor" in done.stdout.lower()
    result = msgspec.json.decode((tmp_path / "first-run/result.json").read_bytes(), type=RunResult)
    run = msgspec.json.decode((tmp_path / "first-run/run.json").read_bytes(), type=RunSpec)
    assert (result.state, run.optimizer.name) == ("done", "adafactor")
    assert result.environment["optimizer package"] == run.optimizer.package
    assert run.optimizer.package.startswith("my-optimizers 1.0 ")
    assert result.loss["report"] < np.log(256)
    assert _trained_by_a_worker(run, tmp_path)["report"] == pytest.approx(result.loss["report"])


def _trained_by_a_worker(run: RunSpec, folder: Path) -> dict[str, float]:
    """The losses of the same run in a worker process."""
    with LocalExecutor(folder / "cache" / "corpora", workers=1) as executor:
        executor.submit(Job(number=1, runs=(run,), folder=str(folder / "attempt")))
        for _ in range(1000):
            for event in executor.events(timeout=0.2):
                if isinstance(event, Finished):
                    return event.results[0].loss
                assert type(event).__name__ == "Progress", event
    raise AssertionError("the worker did not finish")


SGD_MODULE = (
    "import optax\n"
    "from bestiary.optimizers import Hyperparameters, from_optax\n"
    "class Hyper(Hyperparameters, frozen=True, kw_only=True):\n    pass\n"
    "SGD = from_optax(name='sgd', label='SGD', family='scalar', summary='Steps.', paper='-',\n"
    "    hyperparameters=Hyper, build=lambda hyper: optax.sgd(hyper.learning_rate))\n"
)


def test_an_installed_optimizer_comes_after_the_catalogue(site: Path) -> None:
    install(site, {"mine": SGD_MODULE}, {"sgd": "mine:SGD"})
    assert list(available()) == [*CATALOGUE, "sgd"]
    assert resolve("sgd", {"learning_rate": 1}).settings["learning_rate"] == 1.0
    with pytest.raises(UserError, match="unknown optimizer 'sgdd'; did you mean 'sgd'"):
        lookup("sgdd")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("mine", "import nothing_there", "cannot be imported: ModuleNotFoundError"),
        ("mine", "IT = 3", "must be an Optimizer, got int; see from_optax"),
        ("mine", "from bestiary.optimizers._lion import LION as IT", "calls itself 'lion'"),
        ("lion", "IT = 3", "two optimizers are called 'lion', one of them in the package 'my-opt"),
    ],
)
def test_a_package_that_is_wrong_gets_one_line(
    site: Path, name: str, text: str, reason: str
) -> None:
    install(site, {"wrong_optimizers": text}, {name: "wrong_optimizers:IT"})
    with pytest.raises(UserError, match=reason) as caught:
        lookup(name)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError):
        available()


def test_names_are_listed_without_importing_anything(site: Path) -> None:
    install(site, {"never": "raise SystemExit"}, {"mine": "never:IT"})
    (point,) = plugins(frozenset(CATALOGUE)).values()
    assert isinstance(point, metadata.EntryPoint)
    assert lookup("adamw") is CATALOGUE["adamw"]


@pytest.mark.slow
def test_a_transform_is_clipped_scheduled_and_decayed_as_all_are() -> None:
    class Hyper(Hyperparameters, frozen=True, kw_only=True):
        momentum: float = 0.9

    entry = from_optax(
        name="heavy_ball",
        label="Heavy ball",
        family="scalar",
        summary="Momentum.",
        paper="Polyak 1964",
        hyperparameters=Hyper,
        build=lambda hyper: optax.sgd(hyper.learning_rate, hyper.momentum),
    )
    settings = {"momentum": 0.5, "weight_decay": 0.1, "max_grad_norm": 1.0}

    @jax.jit
    def step(rate: Any, grads: Any, state: Any, params: Any, count: Any) -> Any:
        transform = entry.build(Hyper(learning_rate=rate, **settings), LABELS)
        updates, state = transform.update(grads, state, params, step=count)
        return optax.apply_updates(params, updates), state

    params = {"head": jnp.full((2, 2), 2.0), "norm": jnp.ones(3)}
    expected, momenta = dict(params), {"head": 0.0, "norm": 0.0}
    state = entry.build(Hyper(learning_rate=0.1), LABELS).init(params)
    grads = {"head": jnp.full((2, 2), 3.0), "norm": jnp.zeros(3)}
    for count, rate in enumerate((0.1, 0.05)):
        params, state = step(rate, grads, state, params, count)
        for path in expected:
            momenta[path] = 0.5 * momenta[path] + grads[path] / 6.0
            decay = 0.1 if path == "head" else 0.0
            expected[path] = expected[path] - rate * (momenta[path] + decay * expected[path])
    for path, value in expected.items():
        np.testing.assert_allclose(params[path], value, rtol=1e-5)


def test_a_changed_optimizer_is_another_run(site: Path) -> None:
    """Also where nobody raised the version, as while it is being written."""
    install(site, {"mine": SGD_MODULE}, {"sgd": "mine:SGD"})
    settings = {"learning_rate": 1.0}
    before = resolve("sgd", settings)
    assert re.fullmatch(r"my-optimizers 1\.0 [0-9a-f]{12}", before.package)
    assert resolve("sgd", settings) == before
    (site / "mine.py").write_text(SGD_MODULE.replace("optax.sgd(", "optax.sgd(2 * "))
    provenance.cache_clear()
    after = resolve("sgd", settings)
    assert after.package.startswith("my-optimizers 1.0 ")
    assert after.package != before.package


def test_the_catalogue_belongs_to_no_package() -> None:
    assert all(resolve(name, {"learning_rate": 0.01}).package == "" for name in CATALOGUE)
