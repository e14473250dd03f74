"""Where everything stands in a run's folder."""

PAGE = "discover.html"
