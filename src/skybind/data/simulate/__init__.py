"""Simulated surveys: physically founded data with a known truth."""

from skybind.data.simulate.survey import SimulatedSurvey, iter_stars, simulate_stars

__all__ = ["SimulatedSurvey", "iter_stars", "simulate_stars"]
