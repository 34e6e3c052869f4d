"""Clips through a network: planes in, planes out, and the files and pipes around them (PyAV)."""
