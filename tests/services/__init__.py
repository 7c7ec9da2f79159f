"""The use-cases on real ledger files, beside an in-process service under virtual time or the stand-ins."""
