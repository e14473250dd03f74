"""Names of the files that a training leaves in its folder."""

#: Everything that going on needs, after the last epoch; the weights of the best epoch; a row an
#: epoch.
CHECKPOINT, BEST, LOG = "last.ckpt", "best.safetensors", "log.csv"
