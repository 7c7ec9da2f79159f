"""Tests of Bursar."""
