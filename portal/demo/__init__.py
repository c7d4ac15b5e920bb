"""Two complete sites on one machine."""
