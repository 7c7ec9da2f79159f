"""Every error that Bursar raises on purpose.

```
BursarError                     something a person can act on; str() is the sentence they read
├── SettingsError               a setting is missing or wrong                       exit 2
├── UsageError                  a command was given something it cannot use         exit 2
├── Refused                     nothing was sent and nothing was recorded           exit 5
│   ├── NotAllowed              this person may not do this here
│   ├── LimitExceeded           an amount or a total is above a limit
│   ├── ApprovalNeeded          a second person has to approve it first
│   ├── MatchedEarlier          rows were already paid lately; carries the matches
│   ├── DraftGone               the draft expired, was cancelled or was already used
│   ├── ResolutionFailed        recipients could not be looked up (access, network)
│   └── DestinationChanged      settings no longer point where the batch was recorded for
├── NoRoom                      no place for a temporary copy                       exit 2
├── LedgerError                 the ledger cannot be used
│   ├── LedgerLocked            another process drives it                           exit 5
│   ├── LedgerTooNew            a newer Bursar wrote it                             exit 2
│   └── AlreadyRecorded         the attempt has its outcome; the second one was not stored
└── NotFound                    no such batch, award or draft in this server
```

Nothing below ``services`` turns one of these into text for Discord or a terminal; ``bot.ui.errors`` and
``bot.console`` do, and both say first what was (not) sent.
"""

from __future__ import annotations


class BursarError(Exception):
    """Base of everything that a person can act on. The message is for that person: cause, then one next step."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """One next step, as a sentence; ``None`` when the message already says it."""


class SettingsError(BursarError):
    """A setting is missing or wrong; the message names the variable and what it may be."""


class UsageError(BursarError):
    """A command was given something it cannot use."""


class Refused(BursarError):
    """Bursar will not do it. No write call was made and no batch was recorded."""


class NotAllowed(Refused):
    """This person may not do this here."""


class LimitExceeded(Refused):
    """An amount or a total is above a limit."""


class ApprovalNeeded(Refused):
    """The server asks for the approval of a second person, and there is none for this."""


class MatchedEarlier(Refused):
    """Rows of the draft were paid lately, and the confirmation does not cover that."""


class DraftGone(Refused):
    """The draft expired, was cancelled, or somebody already used it."""

    def __init__(self, message: str, *, batch_id: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.batch_id = batch_id
        """The batch that the draft became, when somebody confirmed it first."""


class ResolutionFailed(Refused):
    """Recipients could not be looked up; that says nothing about any of them."""


class DestinationChanged(Refused):
    """The settings no longer point to the account, currency or unit that the batch was recorded for."""

    def __init__(self, message: str, *, hint: str | None = None, draft_id: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.draft_id = draft_id
        """The draft of which nothing can be sent any more."""


class NoRoom(BursarError):
    """A file cannot be kept for as long as it is needed."""


class LedgerError(BursarError):
    """The ledger file cannot be used."""


class LedgerLocked(LedgerError):
    """Another process drives this ledger."""


class LedgerTooNew(LedgerError):
    """A newer version of Bursar wrote this ledger."""


class AlreadyRecorded(LedgerError):
    """The attempt has its outcome already; the second one was not stored."""


class NotFound(BursarError):
    """No such thing in this server. The same answer as for one that exists elsewhere."""
