"""Rooms, who is in them, and who gets what of whom."""
