"""An entry with a mistake in it is refused when it is made, not when it is tuned."""

from dataclasses import replace
from typing import Any

import pytest

from bestiary.errors import UserError
from bestiary.optimizers import lookup


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "matrx"}, "unknown family of adamw 'matrx'; did you mean 'matrix'?"),
        ({"schedule": "cosin"}, "unknown schedule of adamw 'cosin'; did you mean 'cosine'?"),
        ({"run": {"batchsize": 8}}, "unknown run coordinate of adamw 'batchsize'; did you mean"),
        ({"grid": {"beta": (0.9,)}}, "unknown grid coordinate of adamw 'beta'; did you mean"),
        ({"presets": {"a": {"eps": 1.0}}}, "unknown setting in preset a of adamw 'eps'"),
    ],
)
def test_names_that_do_not_exist_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        replace(lookup("adamw"), **change)
    assert str(caught.value).startswith(message)
