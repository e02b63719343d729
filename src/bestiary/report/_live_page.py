"""The page of a study that is running: it asks its own server how far that is, and no other."""

from bestiary.report._page import environment


def live_page(study: str, question: str) -> str:
    """The page as text; beside it the server answers `status.json` and `report`."""
    return environment().get_template("live.html").render(study=study, question=question)
