"""One file a form of published weights; each registers what it reads (`formats`)."""
