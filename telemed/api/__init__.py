"""The node's HTTP interface: the only place with routes."""
