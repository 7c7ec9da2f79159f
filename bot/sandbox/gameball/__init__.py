"""The stand-in for Gameball (api.gameball.co), REST API v4.0, after https://docs.gameball.co."""
