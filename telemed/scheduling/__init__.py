"""Free intervals, booking, and the calendar that this node owns."""
