"""Simulated surveys: physically founded data with a known truth."""

from skybind.simulate.simulated import SimulatedSurvey
from skybind.simulate.stars.survey import iter_stars, simulate_stars

__all__ = ["SimulatedSurvey", "iter_stars", "simulate_stars"]
