"""Laws: arrays in, a fitted law out, with its uncertainty. Nothing about optimizers or files."""

from bestiary.laws._conditioning import Conditioning as Conditioning
from bestiary.laws._conditioning import conditioning as conditioning
from bestiary.laws._feasible import Feasible as Feasible
from bestiary.laws._fit import ExponentPrior as ExponentPrior
from bestiary.laws._fit import fit_power_law as fit_power_law
from bestiary.laws._held_out import held_out_errors as held_out_errors
from bestiary.laws._joint import FORMS as FORMS
from bestiary.laws._joint import JointLaw as JointLaw
from bestiary.laws._joint_data import JointData as JointData
from bestiary.laws._joint_data import JointPrior as JointPrior
from bestiary.laws._joint_fit import JointFit as JointFit
from bestiary.laws._joint_fit import fit_joint_law as fit_joint_law
from bestiary.laws._joint_terms import JointForm as JointForm
from bestiary.laws._noise import Noise as Noise
from bestiary.laws._noise import cell_noise as cell_noise
from bestiary.laws._noise import pooled as pooled
from bestiary.laws._power import Array as Array
from bestiary.laws._power import PowerLaw as PowerLaw
from bestiary.laws._setting_law import SettingLaw as SettingLaw
from bestiary.laws._setting_law import fit_setting_law as fit_setting_law
from bestiary.laws._study_form import StudyForm as StudyForm
from bestiary.laws._study_form import fit_study_form as fit_study_form
from bestiary.laws._study_form import fit_study_forms as fit_study_forms
from bestiary.laws._study_setting import StudySetting as StudySetting
from bestiary.laws._study_setting import fit_study_setting as fit_study_setting
