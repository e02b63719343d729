"""Answers people ask for, from their own study, the published one or anybody's results. No JAX."""

from bestiary.analysis.answers._advise import Advice as Advice
from bestiary.analysis.answers._advise import Option as Option
from bestiary.analysis.answers._advise import advise as advise
from bestiary.analysis.answers._check import ClaimReport as ClaimReport
from bestiary.analysis.answers._check import check as check
from bestiary.analysis.answers._claim import Claim as Claim
from bestiary.analysis.answers._claim import read_claim as read_claim
from bestiary.analysis.answers._compare import Comparison as Comparison
from bestiary.analysis.answers._compare import compare as compare
from bestiary.analysis.answers._devices import DEVICES as DEVICES
from bestiary.analysis.answers._experiment import Experiment as Experiment
from bestiary.analysis.answers._findings import Effort as Effort
from bestiary.analysis.answers._findings import Finding as Finding
from bestiary.analysis.answers._findings import Findings as Findings
from bestiary.analysis.answers._findings import SeedNoise as SeedNoise
from bestiary.analysis.answers._foreign import imported_findings as imported_findings
from bestiary.analysis.answers._item import Item as Item
from bestiary.analysis.answers._order import Order as Order
from bestiary.analysis.answers._order import order as order
from bestiary.analysis.answers._own import own_findings as own_findings
from bestiary.analysis.answers._power import PowerAnswer as PowerAnswer
from bestiary.analysis.answers._power import power as power
from bestiary.analysis.answers._published import published_findings as published_findings
from bestiary.analysis.answers._recipe import Recommendation as Recommendation
