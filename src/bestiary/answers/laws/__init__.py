"""The laws that results support, how well they are known, and what they predict unseen."""

from bestiary.answers.laws._laws import CurveLaw as CurveLaw
from bestiary.answers.laws._laws import Laws as Laws
from bestiary.answers.laws._laws import SettingCheck as SettingCheck
from bestiary.answers.laws._laws import laws_of as laws_of
