"""The stand-in for Drip Rewards (api.drip.re), after https://docs.drip.re."""
