"""A federation of three nodes on one machine, with sample people, for trying the whole journey."""
