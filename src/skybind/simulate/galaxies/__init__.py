"""Simulated galaxies: images and spectra from one set of physical parameters each."""

from skybind.simulate.galaxies.survey import iter_galaxies, simulate_galaxies

__all__ = ["iter_galaxies", "simulate_galaxies"]
