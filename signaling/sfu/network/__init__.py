"""Sockets, addresses and the one secured transport over them."""
