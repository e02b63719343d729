"""Where two optimizers change places: in size, in data, in batch, and over a training."""

from bestiary.answers.crossover._crossover import crossover as crossover
from bestiary.answers.crossover._record import Advantage as Advantage
from bestiary.answers.crossover._record import Crossover as Crossover
