"""Data: text on disk, and which of it a training step reads. numpy, no JAX.

    corpus = prepare([source("stdlib")], folder)
    start = starts(corpus, context, seed, first_step=0, steps=100, batch_size=16)
    tokens = corpus.sequences(start, context)       # int32 (100, 16, context + 1)

`prepare` cuts text into documents, sends each to `train`, `selection` or `report` by the hash of
its content, and names the result by the sha256 of what a run can read. `Corpus.open` refuses what
is not exactly that. `starts` is a pure function of (seed, step); to resume is to ask for a step.
"""

from bestiary.data._corpus import Corpus as Corpus
from bestiary.data._fetch import Wanted as Wanted
from bestiary.data._fetch import fetch as fetch
from bestiary.data._held import Held as Held
from bestiary.data._held import digest_of as digest_of
from bestiary.data._held import held as held
from bestiary.data._held import leftovers as leftovers
from bestiary.data._inside import inside as inside
from bestiary.data._mirrored import mirrored as mirrored
from bestiary.data._mixture import BLOCK as BLOCK
from bestiary.data._order import starts as starts
from bestiary.data._prepare import prepare as prepare
from bestiary.data._presets import BYTES_PER_TOKEN as BYTES_PER_TOKEN
from bestiary.data._presets import MIXTURES as MIXTURES
from bestiary.data._presets import shares as shares
from bestiary.data._presets import validating as validating
from bestiary.data._presets import weights as weights
from bestiary.data._progress import TextProgress as TextProgress
from bestiary.data._reading import Reading as Reading
from bestiary.data._remote_corpus import digest_in as digest_in
from bestiary.data._remote_corpus import pull_corpus as pull_corpus
from bestiary.data._remote_corpus import push_corpus as push_corpus
from bestiary.data._shard import read_shard as read_shard
from bestiary.data._shard import write_shard as write_shard
from bestiary.data._shown import shown as shown
from bestiary.data._source import Source as Source
from bestiary.data._source import described as described
from bestiary.data._source import mixture as mixture
from bestiary.data._source import source as source
from bestiary.data._stream import stream as stream
from bestiary.data._tokenizer import AbstractTokenizer as AbstractTokenizer
from bestiary.data._tokenizer import vocabulary_of as vocabulary_of
from bestiary.data._tokenizer_file import end_of_text as end_of_text
from bestiary.data._tokenizer_file import kept_tokenizer as kept_tokenizer
