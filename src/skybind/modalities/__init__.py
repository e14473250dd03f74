"""The kinds of observation: what they hold, how they are cleaned, normalised and batched."""
