"""The node's key ring and the sealing of entries."""
