"""From survey files to a dataset."""
