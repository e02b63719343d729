"""A path or a value as a message shows it: one line, printable everywhere, never long."""

MOST_CHARACTERS = 80


def shown(value: object) -> str:
    """The text of a value; control characters and bytes that are no text are escaped.

    What is longer than `MOST_CHARACTERS` keeps its beginning and its end.
    """
    text = "".join(map(_printable, str(value)))
    if len(text) <= MOST_CHARACTERS:
        return text
    half = (MOST_CHARACTERS - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def why(error: Exception) -> str:
    """What the system said, in one line."""
    return shown(getattr(error, "strerror", None) or error)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()
