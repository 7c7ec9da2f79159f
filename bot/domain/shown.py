"""What probes have shown of an account, as far as calls and their evidence depend on it. Pure.

Whatever no probe has shown is taken to be as documented where that is documented, and as bad as it could be elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shown:
    """The answers of one Drip account, each by the name of its question (``domain.trials``)."""

    members: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)

    @property
    def halves(self) -> bool:
        """A members call that is refused for one row may be carried out for others, against the documentation."""
        return "refused-row" in (self.members.get("overdraft"), self.members.get("overdraft-mixed"))

    @property
    def cuts_members(self) -> bool:
        """A deduction takes no more than a member has, and is called done. Documented is that it is refused."""
        return self.members.get("overdraft") == "capped"

    @property
    def cuts_credentials(self) -> bool:
        """The same of credentials."""
        return self.credentials.get("overdraft") == "capped"

    def one_by_one(self, *, deducts: bool) -> bool:
        """What becomes of one row of a members call says nothing of the others. ``deducts``: it has deductions."""
        return self.halves or self.skips or (deducts and self.cuts_members)

    @property
    def tells_balances(self) -> bool:
        """What the answer to a members call names ``newBalance`` is the balance after it, which is not documented."""
        return self.members.get("new-balance") == "after"

    @property
    def skips_nobody(self) -> bool:
        """A members call with a member who is not there is refused whole, so one that was carried out was carried out
        for all its rows. Documented is no more than that a call is one transaction."""
        return self.members.get("unknown-member") == "refused-whole"

    @property
    def skips(self) -> bool:
        """A member who is not there is passed over without a word, and the other rows are paid."""
        return self.members.get("unknown-member") == "skipped"

    @property
    def reads_back(self) -> bool:
        """What a credential was paid shows in what is read of it."""
        return self.credentials.get("read-back") != "not-seen"

    @property
    def finds_credentials(self) -> bool:
        """What a credential was paid was seen to show, so that the key finds those that are there."""
        return self.credentials.get("read-back") == "seen"

    @property
    def tells_accounts(self) -> bool:
        """Asked whose a login is, Drip tells also of those that its API tied to an account, so that one of which it
        says that it is nobody's has a balance of its own. That is not documented."""
        return self.credentials.get("linked-login") == "told"


NOTHING_SHOWN = Shown()
