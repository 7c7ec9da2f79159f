"""The command line: ``python -m bot …``. One small module a command; ``parser`` knows the options of all of them."""
