"""How much a subscriber's link carries, and who is given it."""
