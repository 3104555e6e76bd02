"""How nodes trust, sign, deliver and answer each other."""
