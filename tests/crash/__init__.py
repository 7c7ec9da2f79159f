"""Processes that are killed at named points and at any moment, and the books afterwards."""
