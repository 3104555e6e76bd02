"""The forwarding unit: packets in, packets out, never decoded."""
