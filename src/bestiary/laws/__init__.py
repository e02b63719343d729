"""Laws."""

from bestiary.laws._study_form import StudyForm as StudyForm
from bestiary.laws._study_form import fit_study_form as fit_study_form
from bestiary.laws._study_form import fit_study_forms as fit_study_forms
