"""The published papers, made again from one command: every table and figure of three documents."""
