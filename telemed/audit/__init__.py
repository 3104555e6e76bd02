"""The chained log of who looked at what."""
