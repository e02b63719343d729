"""A start as a block to paste into the configuration of a training code."""

from bestiary.answers.advise.configs._block import Block as Block
from bestiary.answers.advise.configs._projects import PROJECTS as PROJECTS
from bestiary.answers.advise.configs._projects import config_block as config_block
