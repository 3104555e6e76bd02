"""The whole journey: real node processes, and people in real browsers."""
