"""Doctors, their licences, and who may treat whom, on this node and on its peers."""
