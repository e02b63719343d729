"""A claim and its results in, a list of verdicts out."""

from bestiary.answers.check._check import ClaimReport as ClaimReport
from bestiary.answers.check._check import check as check
from bestiary.answers.check._claim import Claim as Claim
from bestiary.answers.check._claim import read_claim as read_claim
from bestiary.answers.check._item import Item as Item
from bestiary.answers.check._target import check_target as check_target
