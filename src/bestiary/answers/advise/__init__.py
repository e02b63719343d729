"""What to train with, for a training that nobody has run."""

from bestiary.answers.advise._advise import Advice as Advice
from bestiary.answers.advise._advise import advise as advise
from bestiary.answers.advise._devices import DEVICES as DEVICES
from bestiary.answers.advise._held_out import held_out as held_out
from bestiary.answers.advise._option import Option as Option
from bestiary.answers.advise._start import Start as Start
from bestiary.answers.advise.configs import PROJECTS as PROJECTS
from bestiary.answers.advise.configs import config_block as config_block
