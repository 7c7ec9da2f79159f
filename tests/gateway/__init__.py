"""The real client as a process of its own, driven by many people at once over a Discord on loopback."""
