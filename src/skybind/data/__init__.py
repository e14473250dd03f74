"""The dataset on disk, its splits, the readers that make one, and the simulators."""
