"""How fast text becomes a corpus, beside the tokenizer alone, and in how much memory.

The text is Python's standard library again and again, the lines of every document in another order,
as rows of a .jsonl; the tokenizer is a BPE of 32,000 ids trained on it (extra `tokenizers`). Each
measurement is a process of its own, so that its memory is. The tokenizer alone gets the same rows
in batches, by the fastest call that it has, and reads them in between.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from bestiary.data._stdlib import stdlib_files
from bestiary.errors import UserError

MEGABYTES = (100, 1000)
IDS = 32_000
# As many as `prepare` hands to the tokenizer at a time.
TOGETHER = 256

_MEASURED = """
import json, resource, sys, time
from pathlib import Path
what, text, tokenizer, folder = sys.argv[1:]
began, clock = time.perf_counter(), time.process_time()
if what == "tokenizer":
    import itertools, tokenizers
    own = tokenizers.Tokenizer.from_file(tokenizer)
    rows = (json.loads(line)["text"] for line in open(text))
    encode, tokens = own.encode_batch_fast, 0
    began, clock = time.perf_counter(), time.process_time()
    while batch := list(itertools.islice(rows, {together})):
        tokens += sum(len(one.ids) for one in encode(batch, add_special_tokens=False))
else:
    from bestiary.data import prepare, source
    began, clock = time.perf_counter(), time.process_time()
    corpus = prepare([source(text)], folder, tokenizer, vocabulary={ids})
    tokens = corpus.train_token_count
seconds, processor = time.perf_counter() - began, time.process_time() - clock
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([seconds, processor, peak, tokens]))
"""


def run(megabytes: tuple[int, ...] = MEGABYTES) -> list[dict[str, Any]]:
    """Seconds and peak memory of each size; `share` is of the speed of the tokenizer alone."""
    try:
        package = import_module("tokenizers")
    except ImportError:
        raise UserError(
            "tokenising needs the package tokenizers; run: pip install 'bestiary[tokenizers]'"
        ) from None
    with tempfile.TemporaryDirectory(prefix="bestiary-tokenising-") as place:
        folder = Path(place)
        documents = [path.read_text(errors="replace") for _, path in stdlib_files()]
        tokenizer = str(folder / "tokenizer.json")
        _trained(package, documents).save(tokenizer)
        return [_row(folder, documents, tokenizer, size) for size in megabytes]


def _trained(package: Any, documents: list[str]) -> Any:
    models = package.models
    tokenizer = package.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = package.trainers.BpeTrainer(
        vocab_size=IDS, special_tokens=["<|endoftext|>"], show_progress=False
    )
    tokenizer.train_from_iterator(documents[::4], trainer)
    return tokenizer


def _row(folder: Path, documents: list[str], tokenizer: str, megabytes: int) -> dict[str, Any]:
    text = folder / f"{megabytes}.jsonl"
    with text.open("w") as file:
        size = 0
        for one in _varied(documents):
            size += file.write(json.dumps({"text": one}) + "\n")
            if size >= megabytes * 10**6:
                break
    alone = _measured("tokenizer", text, tokenizer, folder)
    prepared = _measured("prepare", text, tokenizer, folder)
    text.unlink()
    return {
        "benchmark": "tokenising",
        "megabytes": megabytes,
        "tokens": prepared[3],
        "tokenizer_seconds": alone[0],
        "prepare_seconds": prepared[0],
        "share": alone[0] / prepared[0],
        "tokenizer_processor_seconds": alone[1],
        "prepare_processor_seconds": prepared[1],
        "peak_megabytes": prepared[2],
    }


def _varied(documents: list[str]) -> Iterator[str]:
    """The documents for ever, each time with their lines in another order."""
    order = random.Random(0)
    while True:
        for one in documents:
            lines = one.splitlines(keepends=True)
            order.shuffle(lines)
            yield "".join(lines)


def _measured(what: str, text: Path, tokenizer: str, folder: Path) -> list[float]:
    """Seconds, processor seconds, peak MiB and tokens, in a process of its own."""
    code = _MEASURED.format(together=TOGETHER, ids=IDS)
    command = [sys.executable, "-c", code, what, str(text), tokenizer, str(folder / "corpora")]
    ended = subprocess.run(command, capture_output=True, check=True, text=True)
    found: list[float] = json.loads(ended.stdout.splitlines()[-1])
    return found
