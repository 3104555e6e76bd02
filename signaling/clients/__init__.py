"""Who comes and goes, and what a client asks for."""
