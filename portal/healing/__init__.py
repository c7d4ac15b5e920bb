"""Gets the picture back in the smallest step that works, and lets a good one alone."""
