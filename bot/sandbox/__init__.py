"""Loopback stand-ins for Drip Rewards and Gameball: real HTTP servers in a process of their own, with their own books.

They share no code with the rest of the bot, so that one misunderstanding cannot hide on both sides. Behaviour that
the services document is fixed; behaviour that they leave open, or document twice, is a switch (``switches.py``). What
can go wrong on the way to them can be asked for (``kinds.py``). Started by ``python -m bot.sandbox``.
"""
