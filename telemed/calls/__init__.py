"""A visit's room: tokens, admission, arrival of the visiting doctor, the end."""
