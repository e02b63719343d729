"""The bits of a run are the same on one core and on many, whatever the environment says."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import pytest

from bestiary.data import Corpus
from bestiary.store import Accelerators
from bestiary.train import _threads, environment

# Wide enough that XLA and LAPACK would divide their work where they may.
SCRIPT = textwrap.dedent("""
    import json, os, sys
    if sys.argv[3]:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    from bestiary import optimizers, train
    from bestiary.data import Corpus
    from bestiary.specs import ModelSpec, RunSpec
    from pathlib import Path
    model = ModelSpec(layers=1, hidden=64, intermediate=128, heads=1, key_value_heads=1,
                      context=64, vocabulary=256)
    corpus = Corpus.open(sys.argv[1], sys.argv[2])
    settings = {"learning_rate": 0.01, "precondition_frequency": 2}
    run = RunSpec(model=model, data=corpus.spec, optimizer=optimizers.resolve("soap", settings),
                  batch_size=8, steps=6, evaluation_sequences=6)
    folder = Path(sys.argv[4])
    (result,) = train.train([run], corpus, folder)
    metrics = train.read_metrics(train.metrics_file(folder, result.run_id))
    print(json.dumps([result.loss, [(m.loss, m.grad_norm) for m in metrics],
                      result.environment["threads"]]))
""")
THREADS = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS")


def trained(corpus: Corpus, folder: Path, core: str, **variables: str) -> list[object]:
    given = {name: value for name, value in os.environ.items() if name not in THREADS}
    place = [str(corpus.folder.parent), corpus.spec.digest, core, str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *place],
        env={**given, "BESTIARY_CACHE": "off", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.slow(25)
@pytest.mark.rare
def test_the_number_of_cores_and_threads_decides_no_bit(corpus: Corpus, tmp_path: Path) -> None:
    free = trained(corpus, tmp_path / "free", "")
    core = str(min(os.sched_getaffinity(0)))
    flags = "--xla_cpu_multi_thread_eigen=true"
    pinned = trained(corpus, tmp_path / "pinned", core, OMP_NUM_THREADS="8", XLA_FLAGS=flags)
    assert free[-1] == "1"
    assert free == pinned


def test_who_started_jax_with_more_threads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    jax.devices()
    monkeypatch.delenv("NPROC")
    assert _threads.start_jax.__wrapped__().startswith("as JAX was started, on ")


def test_the_compiler_of_an_accelerator_has_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPROC")
    monkeypatch.setattr(_threads, "_started", lambda: False)
    monkeypatch.setattr(_threads, "accelerators", lambda: Accelerators(kind="cuda", names=("0",)))
    monkeypatch.setattr(jax, "devices", lambda: pytest.fail("JAX would start with one thread"))
    assert _threads.start_jax.__wrapped__() == "of no matter: an accelerator computes"


def test_a_result_says_how_many_threads_computed_it() -> None:
    assert environment()["threads"] == "1"
    assert environment()["scipy"]
