"""The cards about signs of life: the sign itself, and what the staff is told where signs cannot be listed."""

from __future__ import annotations

from typing import Final

import discord

from bot.domain.lead import Sign, State, Verdict
from bot.services.leading import Stand
from bot.ui.cards import Line, Tone, button, card, unframed
from bot.ui.text import escape, when


def sign_card(own: Sign, stand: Stand, now: float, *, practice: bool) -> discord.ui.LayoutView:
    """The message: small while all is well, with the button while this process stands by. It has no frame."""
    return unframed(_sign_card(own, stand, now, practice=practice))


def _sign_card(own: Sign, stand: Stand, now: float, *, practice: bool) -> discord.ui.LayoutView:
    seen = f"{when(round(now * 1000), 'R')}"
    if own.state is State.LEADS:
        lines: list[Line] = [f"-# Sign of life: {seen}", own.line]
        if stand.why is None:
            return card("Bursar is at work", tone=Tone.PLAIN, practice=practice, lines=lines)
        lines.insert(0, escape(stand.why, 300))
        return card("Bursar takes over", tone=Tone.RUNNING, word="Nothing is sent yet", practice=practice, lines=lines)
    if own.state is State.ENDED:
        return card("Bursar was stopped", tone=Tone.PLAIN, practice=practice, lines=[f"-# {seen}", own.line])
    lines = [escape(stand.why or "", 300)]
    if stand.by is not None:
        lines.append(f"Its last sign of life: {when(round(stand.by.at * 1000), 'R')}.")
    lines += [
        "**Nothing is sent from here.** What is recorded here stays planned.",
        _ADVICE[stand.verdict],
        f"-# This sign: {seen}",
        own.line,
    ]
    rows = [[button("Take over here", f"lead:take:{own.home}", style=discord.ButtonStyle.danger)]]
    return card("Bursar stands by", tone=Tone.ATTENTION, practice=practice, lines=lines, rows=rows)


_ADVICE: Final = {
    Verdict.LEAD: "",
    Verdict.ALIVE: (
        "Stop one of the two. Where the other has ended already, this one goes on by itself within minutes, if it has"
        " everything that the other recorded. An administrator who presses *Take over here* makes the other one stop."
    ),
    Verdict.LOST: "Stop this one, or press *Take over here* to let it go on instead.",
    Verdict.OLDER: (
        "Put the newest copy in place (`bursar restore`), or take in the result files that it lacks"
        " (`bursar restore --take-in`). *Take over here* vouches that the gap is closed; batches stay paused until they"
        " are resumed."
    ),
    Verdict.OTHER: (
        "Take in the other ledger's result files where it paid what this one may pay again"
        " (`bursar restore --take-in`). *Take over here* vouches that nothing will be paid twice."
    ),
}


def unlisted_card(*, goes_on: bool, practice: bool) -> discord.ui.LayoutView:
    """For the staff, once. It has no frame either."""
    now = "It goes on for now, since no other can begin, but **after a restart it would send nothing**"
    lines: list[Line] = [
        "Bursar has to see among them whether another machine is at work. "
        f"{now if goes_on else '**It sends nothing**'} until Discord lists them again.",
        "It may help that Bursar's cards have no coloured frame from now on: Discord was seen to fail where one was to"
        " be listed. If it does not, an administrator chooses an empty private channel with `/settings`, in which no"
        " other bot posts.",
    ]
    title = "Discord fails to list this channel's messages"
    return unframed(card(title, tone=Tone.ATTENTION, practice=practice, lines=lines))
