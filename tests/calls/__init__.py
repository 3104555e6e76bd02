"""The room of a visit, the way in, and the end."""
