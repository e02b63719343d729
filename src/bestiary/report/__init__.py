"""Reports: an analysis as a table for the terminal and as one page that opens offline. No JAX."""

from bestiary.report._duel import write_duel as write_duel
from bestiary.report._files import figures as figures
from bestiary.report._files import require_export as require_export
from bestiary.report._files import write_figures as write_figures
from bestiary.report._live_page import live_page as live_page
from bestiary.report._markdown import write_markdown as write_markdown
from bestiary.report._page import page as page
from bestiary.report._page import require_page as require_page
from bestiary.report._page import write_page as write_page
from bestiary.report._published_page import reproduction_page as reproduction_page
from bestiary.report._published_page import write_reproduction as write_reproduction
from bestiary.report._published_page import (
    write_reproduction_figures as write_reproduction_figures,
)
from bestiary.report._table import print_table as print_table
from bestiary.report._words import loss as loss
from bestiary.report._words import settings as settings
from bestiary.report._words import speedup as speedup
