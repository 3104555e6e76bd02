"""What a patient's record holds, sealed under her keys, and what she consented to show."""
