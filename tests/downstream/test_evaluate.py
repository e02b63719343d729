"""A trained run behind lm-evaluation-harness, on task files of ours: nothing is fetched."""

import json
from pathlib import Path
from typing import Any

import jax
import pytest

from bestiary.data import kept_tokenizer
from bestiary.data._tokenizer_file import _json_of_bytes
from bestiary.downstream import Likelihoods, Question, asked_for, evaluate, load_tasks
from bestiary.errors import UserError
from bestiary.models import export_huggingface, init
from bestiary.specs import DataSpec, ModelSpec, OptimizerSpec, RunSpec, Scores, run_id
from bestiary.store import read_scores

pytestmark = pytest.mark.slow
pytest.importorskip("lm_eval", reason="needs pip install 'bestiary[eval]'")

MODEL = ModelSpec(
    layers=1, hidden=16, intermediate=32, heads=2, key_value_heads=2, context=64, vocabulary=256
)
RUN = RunSpec(
    model=MODEL,
    data=DataSpec(name="", digest="0" * 64),
    optimizer=OptimizerSpec(name="adamw", settings={}),
    batch_size=1,
    steps=1,
)
WORDS = ["cat", "dog", "fish", "bird", "horse", "snail", "whale", "ant", "bee", "fox"]
DOCUMENTS = [
    {"question": f"{word} is to", "choices": ["run", "swim far", "sleep"], "answer": row % 3}
    for row, word in enumerate(WORDS)
]
CHOICE = """
task: local_choice
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metadata: {version: 1.5}
"""
ROLLING = """
task: local_rolling
output_type: loglikelihood_rolling
test_split: test
doc_to_text: ""
doc_to_target: "{{question}} {{question}} {{question}} {{question}} {{question}} {{question}}"
metric_list:
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
"""
GENERATING = """
task: local_words
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
"""
NO_DATA = "dataset_path: json\ndataset_kwargs: {data_files: no.jsonl}\n"


@pytest.fixture(scope="module")
def params() -> dict:
    drawn = init(MODEL, jax.random.key(1))
    return drawn | {"head": drawn["head"] * 30}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = "".join(json.dumps(one) + "\n" for one in DOCUMENTS)
    Path("rows.jsonl").write_text(rows)
    where = {"data_files": {"test": str(tmp_path / "rows.jsonl")}, "cache_dir": str(tmp_path / "c")}
    data = f"dataset_path: json\ndataset_kwargs: {json.dumps(where)}\n"
    for name, text in {"choice": CHOICE, "rolling": ROLLING, "words": GENERATING}.items():
        Path(f"{name}.yaml").write_text(text + data)
    Path("run").mkdir()
    Path("run/tokenizer.json").write_text(_json_of_bytes(), encoding="utf-8")
    return tmp_path / "run"


def scored(params: Any, folder: Path, *tasks: str, limit: int = 0) -> Scores:
    loaded = load_tasks(asked_for(tasks))
    tokenizer = folder / "tokenizer.json"
    return evaluate(RUN, params, folder, loaded, tokenizer=tokenizer, limit=limit)


def by_hand(params: Any) -> float:
    """How many answers are the likeliest of their choices, with the blank before each."""
    right = 0
    for one in DOCUMENTS:
        given = list(one["question"].encode())
        asked = [Question(given, list(f" {choice}".encode())) for choice in one["choices"]]
        nats = [found.nats for found in Likelihoods(params, MODEL).of(asked)]
        right += nats.index(max(nats)) == one["answer"]
    return right / len(DOCUMENTS)


def test_scores_are_those_of_our_likelihoods_and_are_kept(
    params: dict, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = scored(params, files, "choice.yaml", "rolling.yaml")
    choice = found.tasks["local_choice:0"]
    assert choice.metrics["acc"].value == pytest.approx(by_hand(params))
    value = choice.metrics["acc"].value
    error = choice.metrics["acc"].error
    assert value is not None
    assert error == pytest.approx((value * (1 - value) / 9) ** 0.5)
    assert (choice.documents, choice.available, choice.version) == (10, 10, "1.5")
    assert choice.chance == pytest.approx(1 / 3)
    bits = found.tasks["local_rolling:0"].metrics["bits_per_byte"]
    assert bits.value is not None
    assert bits.value > 4
    assert not bits.rises
    assert read_scores(files, run_id(RUN)) == found

    def asked_again(*_: Any) -> Any:
        raise AssertionError("what was asked before is asked again")

    with monkeypatch.context() as patched:
        patched.setattr(Likelihoods, "of", asked_again)
        assert scored(params, files, "choice.yaml", "rolling.yaml") == found
    fewer = scored(params, files, "choice.yaml", limit=4)
    assert fewer.tasks["local_choice:0"].documents == 4
    assert fewer.tasks["local_rolling:0"] == found.tasks["local_rolling:0"]


def test_solved_examples_are_the_same_for_every_model(params: dict, files: Path) -> None:
    first = scored(params, files, "choice.yaml:2").tasks["local_choice:2"]
    again = scored(params, files, "choice.yaml:2").tasks["local_choice:2"]
    none = scored(params, files, "choice.yaml").tasks["local_choice:0"]
    assert first == again
    assert first.few_shot == 2
    assert first.questions != none.questions


def test_transformers_gives_the_same_scores(params: dict, files: Path) -> None:
    pytest.importorskip("torch", reason="needs pip install torch")
    for name in ("transformers", "accelerate", "peft"):
        pytest.importorskip(name, reason=f"needs pip install {name}")
    from lm_eval.evaluator import evaluate as ask
    from lm_eval.models.huggingface import HFLM

    ours = scored(params, files, "choice.yaml", "rolling.yaml")
    export_huggingface(params, MODEL, files / "hub")
    (files / "hub" / "tokenizer.json").write_text(_json_of_bytes(), encoding="utf-8")
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MODEL.context}
    (files / "hub" / "tokenizer_config.json").write_text(json.dumps(about))
    model = HFLM(
        pretrained=str(files / "hub"),
        device="cpu",
        dtype="float32",
        batch_size=4,
        prefix_token_id=kept_tokenizer(files / "tokenizer.json", 256).encode([b""])[0][-1].item(),
    )
    tasks = load_tasks(asked_for(["choice.yaml", "rolling.yaml"]))
    found = ask(model, {"tasks": {one.task_name: one for one in tasks}}, log_samples=False)
    for name, task in ours.tasks.items():
        theirs = found["results"][name.rpartition(":")[0]]
        for metric, score in task.metrics.items():
            assert theirs[f"{metric},none"] == pytest.approx(score.value, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CHOICE + "doc_to_txt: x\n", "unknown field of .*odd.yaml 'doc_to_txt'; did you mean"),
        ("output_type: multiple_choice\n", "must state its name as `task`, got output_type"),
        ("- 1\n", "odd.yaml is not a task file: Expected YAML dict"),
        ("task: [\n", "odd.yaml is not a task file: "),
        (
            CHOICE + "dataset_path: json\ndataset_kwargs: {data_files: no.jsonl}\n",
            "not exist: .*no.jsonl",
        ),
    ],
)
def test_a_task_file_that_is_none(files: Path, text: str, message: str) -> None:
    Path("odd.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_tasks(asked_for(["odd.yaml"]))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_asked(params: dict, files: Path) -> None:
    with pytest.raises(UserError, match=r"no task file nowhere\.yaml"):
        load_tasks(asked_for(["nowhere.yaml"]))
    with pytest.raises(UserError, match="local_words asks for generated text"):
        load_tasks(asked_for(["words.yaml"]))
    (files / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tasks are text, and .*tokenizer\.json is missing"):
        scored(params, files, "choice.yaml")
