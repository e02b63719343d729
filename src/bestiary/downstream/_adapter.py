"""A trained run as lm-evaluation-harness takes models. Needs the extra `eval` to be imported."""

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval import utils as windows
from lm_eval.api.model import TemplateLM

from bestiary.data import AbstractTokenizer
from bestiary.downstream._likelihoods import Likelihoods, Question
from bestiary.errors import UserError


class HarnessModel(TemplateLM):
    """Our likelihoods behind the harness's questions, whose words it cuts into tokens itself."""

    def __init__(
        self,
        likelihoods: Likelihoods,
        tokenizer: AbstractTokenizer,
        told: Callable[[int, int], None],
    ) -> None:
        """Take a model, the tokenizer it was trained with, and who is told how far it is."""
        super().__init__()
        self._likelihoods = likelihoods
        self._tokenizer = tokenizer
        self._told = told

    @property
    def eot_token_id(self) -> int:
        """The token that ends a document: what stands before a text that follows nothing."""
        return int(self._tokenizer.encode([b""])[0][-1])

    @property
    def max_length(self) -> int:
        """The model's context in tokens."""
        return self._likelihoods.spec.context

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """The tokens of a text, as training cut it; never special ones."""
        del add_special_tokens, kwargs
        tokens: list[int] = self._tokenizer.encode([string.encode()])[0][:-1].tolist()
        return tokens

    def loglikelihood(
        self, requests: Sequence[Any], disable_tqdm: bool = True
    ) -> list[tuple[float, bool]]:
        """As the harness's own, without a bar: who is told how far it is draws one."""
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return found

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Of whole texts, in windows of the context, every token predicted once."""
        del disable_tqdm
        texts = [self._windows(request.args[0]) for request in requests]
        questions = [window for text in texts for window in text]
        found = iter(self._likelihoods.of(questions, self._told))
        return [sum(next(found).nats for _ in text) for text in texts]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Refused: see `load_tasks`."""
        raise UserError("models are scored by likelihood here, not by what they generate")

    def _windows(self, text: str) -> list[Question]:
        rolling = windows.get_rolling_token_windows(
            token_list=self.tok_encode(text),
            prefix_token=self.prefix_token_id,
            max_seq_len=self.max_length,
            context_len=1,
        )
        return [Question(*windows.make_disjoint_window(one)) for one in rolling]

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        questions = [Question(given, asked) for _, given, asked in requests]
        return [(one.nats, one.is_greedy) for one in self._likelihoods.of(questions, self._told)]
