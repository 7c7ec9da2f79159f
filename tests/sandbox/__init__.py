"""Tests of the stand-ins, against the real process."""
