"""Simulated surveys: physically founded data with a known truth."""

from skybind.data.simulate.simulated import SimulatedSurvey
from skybind.data.simulate.survey import iter_stars, simulate_stars

__all__ = ["SimulatedSurvey", "iter_stars", "simulate_stars"]
