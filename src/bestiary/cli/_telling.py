"""Sentences of an answer, as a terminal shows them."""

from bestiary.cli._listing import console
from bestiary.cli._printable import printable


def tell(*sentences: str) -> None:
    """Print sentences, one a line, as they are; a terminal wraps them between words."""
    to = console()
    for sentence in sentences:
        to.print(printable(sentence), highlight=False, markup=False, soft_wrap=not to.is_terminal)
