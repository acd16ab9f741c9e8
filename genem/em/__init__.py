"""The EM engine: drivers, stop rules and honest endings; it knows no biology."""

from genem.em.ascent import Callback, DecreaseError, DecreaseWarning, EMRun, Progress
from genem.em.driver import EMFit, fit
from genem.em.model import (
    Bounded,
    Conditioned,
    Counted,
    Curved,
    Degenerate,
    Differentiable,
    EMModel,
    EMStep,
    Packed,
    effective_learning_rate,
)
from genem.em.optima import Optimum, distinct_optima
from genem.em.parameters import parameter_names, parameter_vector
from genem.em.restarts import Found, Restartable, RestartPlan, Round, iterated_local_search
from genem.em.selection import InformationCriteria, criterion_weights, information_criteria
from genem.em.stationarity import Stationarity
from genem.em.status import Status
from genem.em.trace import EMTrace, IdentityError
from genem.em.uncertainty import Identification, StandardErrors, identify, observed_information, standard_errors

__all__ = [
    "Bounded",
    "Callback",
    "Conditioned",
    "Counted",
    "Curved",
    "DecreaseError",
    "DecreaseWarning",
    "Degenerate",
    "Differentiable",
    "EMFit",
    "EMModel",
    "EMRun",
    "EMStep",
    "EMTrace",
    "Found",
    "Identification",
    "IdentityError",
    "InformationCriteria",
    "Optimum",
    "Packed",
    "Progress",
    "RestartPlan",
    "Restartable",
    "Round",
    "StandardErrors",
    "Stationarity",
    "Status",
    "criterion_weights",
    "distinct_optima",
    "effective_learning_rate",
    "fit",
    "identify",
    "information_criteria",
    "iterated_local_search",
    "observed_information",
    "parameter_names",
    "parameter_vector",
    "standard_errors",
]
