"""People who sign in on this node: accounts, passwords and sessions."""
