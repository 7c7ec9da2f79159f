"""What a power cut can leave of the ledger's files, and what SQLite makes of it."""
