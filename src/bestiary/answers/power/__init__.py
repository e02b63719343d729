"""How many seeds and cells it takes to see a speedup."""

from bestiary.answers.power._power import PowerAnswer as PowerAnswer
from bestiary.answers.power._power import power as power
