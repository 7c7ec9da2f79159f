"""The one card of ``/settings``: everything that a server can decide, with the menus that change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.services.halting import Halt
from bot.services.rules import Capability, ServerRules
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.halting import halt_line, release_button, stop_button
from bot.ui.text import count, escape, plain

SELF: Final = "self"
"""Stands beside the capabilities among the lists of roles: who may award themselves."""

ROLE_LISTS: Final[Mapping[str, str]] = {
    Capability.AWARD: "Who may award (`/award`)",
    Capability.BULK: "Who may send files (`/bulk`)",
    Capability.MANAGE: "Who may pause, stop, retry and settle batches",
    Capability.APPROVE: "Who may approve what others prepared",
    Capability.LOOK: "Who else may look at batches and results",
    SELF: "Who may award themselves",
}
"""Every list of roles, as the card and the log name it."""

NAMES: Final[Mapping[str, str]] = {
    "default_programme": "Default programme",
    "programme_titles": "Names of programmes",
    "staff_channel_id": "Staff channel",
    "max_award": "Largest award",
    "max_batch": "Largest batch",
    "quick_award": "Sent without confirmation up to",
    "start_delay_seconds": "Wait before the first call",
    "approve_amount": "Second person above a sum of",
    "approve_rows": "Second person above so many rows",
    "approve_first_use": "Second person at the first use of a programme",
    "post_head": "The ledger's head posted daily",
    "currencies": "Currency",
}
"""Every other setting, as the card and the log name it."""

OFF: Final[Mapping[str, str]] = {
    "max_award": "no limit here",
    "max_batch": "no limit here",
    "quick_award": "never: every award is confirmed",
    "staff_channel_id": "none",
    "approve_amount": "never",
    "approve_rows": "never",
    "approve_first_use": "no",
    "post_head": "no",
    "default_programme": "none: it has to be named",
}
"""What it means when nothing is set."""

SHOWN_LIMITS: Final = (
    *("max_award", "max_batch", "quick_award", "start_delay_seconds"),
    *("approve_amount", "approve_rows", "approve_first_use", "post_head"),
)

PROGRAMMES_ROOM: Final = 1800
"""Characters about the programmes and what is wrong: a card has 4,000, and everything that can be set has to stay on
it."""
DONE_ROOM: Final = 500
"""Characters about what was just changed."""
PROMISE_LEAST: Final = 500
TITLE_ROOM: Final = 150
"""Characters that a programme's promise has at least, and that stand around it."""
UNUSABLE_ROOM: Final = 200
PROMISES_LABEL: Final = "What every programme can promise"
"""Opens all of it, where this card has to be short (``settings_promises``)."""

PLAIN_NOTE: Final = (
    "-# Discord failed to list this channel's messages, which happens where cards with a frame are among them: Bursar's"
    " cards have none for now. If it still fails, nothing is sent after a restart: choose an empty private channel."
)

MENU_MAX: Final = 25
"""Options of a menu (Discord's limit)."""
ROLES_MAX: Final = 25
"""Roles in one list: what a menu can hold."""


@dataclass(frozen=True, slots=True)
class ProgrammeLine:
    """One programme, as far as the card tells of it."""

    name: str
    title: str
    currency: str | None
    """``None`` where the programme has none to choose."""
    chosen_here: bool
    unusable: str | None
    promise: str | None = None
    """What is known of its service, and what it cannot promise."""


@dataclass(frozen=True, slots=True)
class There:
    """Roles and text channels that the server has; ``None`` where Discord does not show them at the moment. Menus name
    no others: what was chosen may have been deleted since, and whether Discord takes a card that names it is not
    documented."""

    roles: frozenset[str] | None = None
    channels: frozenset[str] | None = None


EVERYTHING: Final = There()


def settings_card(
    server: str,
    rules: ServerRules,
    programmes: Sequence[ProgrammeLine],
    *,
    channel_problem: str | None,
    practice: bool,
    done: str | None = None,
    halt: Halt | None = None,
    there: There = EVERYTHING,
) -> discord.ui.LayoutView:
    """``channel_problem``: why nothing can be posted in the staff channel now. ``done``: what was just changed.
    ``halt``: the emergency stop in force. ``there``: what the server still has of what was chosen."""
    missing = _missing(rules, channel_problem, there, [one.name for one in programmes])
    found = {key: _found(roles_of(rules, key), there) for key in ROLE_LISTS}
    gone = {key: _gone(roles_of(rules, key), found[key]) for key in ROLE_LISTS}
    room = PROGRAMMES_ROOM - sum(map(len, [*missing, *gone.values()]))
    # One text with what is wrong, without a line between: all of the card together is as much as Discord takes.
    lines: list[Line] = [f"✓ {_short(done)}"] if done else []
    lines += [] if halt is None else [halt_line(halt)]
    lines += [f"⚠ {problem}" for problem in missing]
    lines += [
        RULE,
        "**Staff channel** · progress, results and every change here are posted in it",
        discord.ui.ActionRow(_channel_menu(rules, there)),
        *([PLAIN_NOTE] if rules.plain_cards else []),
        "**Default programme** · where points go when a command names none",
        discord.ui.ActionRow(_programme_menu(rules, programmes)),
        *_programme_lines(programmes, room),
        RULE,
    ]
    for key, name in ROLE_LISTS.items():
        lines += [f"**{name}**{_note(key)}{gone[key]}", discord.ui.ActionRow(_role_menu(key, found[key]))]
    lines += [RULE, *_limit_lines(rules)]
    tone = Tone.ATTENTION if missing else Tone.PLAIN
    more = [] if _told_whole(programmes, room) else [[button(PROMISES_LABEL, "settings:promises:0:open")]]
    return card(
        f"Settings of {escape(server, 60)}",
        tone=tone,
        word="Not set up completely" if missing else "Every change counts at once",
        practice=practice,
        lines=lines,
        rows=[
            [
                button("Change limits", "settings:limits"),
                button("Name programmes", "settings:titles"),
                button("Second person", "settings:approval"),
                button("Budgets…", "settings:budgets"),
                stop_button() if halt is None else release_button(),
            ],
            *more,
        ],
    )


def roles_of(rules: ServerRules, key: str) -> frozenset[str]:
    """One of the lists of roles."""
    return rules.self_award_roles if key == SELF else rules.roles.get(Capability(key), frozenset())


def said(name: str, value: object) -> str:
    """A setting's value in words, for the card and the log."""
    if value is True:
        return "yes"
    if value is None or value is False or value == "":
        return OFF.get(name, "as the operator set it" if name == "currencies" else "not set")
    if name == "staff_channel_id":
        return f"<#{value}>"
    if name == "start_delay_seconds":
        seconds = float(str(value or 0))
        return f"{seconds:g} second{'' if seconds == 1 else 's'}" if seconds else "none"
    text = str(value)
    return f"{int(text):,}" if text.isascii() and text.isdigit() and name != "currencies" else escape(text, 100)


def roles_said(roles: Sequence[str] | frozenset[str]) -> str:
    """A list of roles in words."""
    return ", ".join(f"<@&{role}>" for role in sorted(roles)) or "nobody but administrators"


def _short(done: str) -> str:
    """Two long lists of roles would push the names of the menus below off the card. The staff channel has it all."""
    return done if len(done) <= DONE_ROOM else done[:DONE_ROOM].rsplit(" ", 1)[0] + " …"


def _missing(rules: ServerRules, channel_problem: str | None, there: There, programmes: Sequence[str]) -> list[str]:
    problems = []
    if rules.staff_channel_id is None:
        problems.append("No staff channel: nobody sees progress, results and alerts.")
    elif channel_problem is not None:
        problems.append(channel_problem)
    if not any(_found(held, there) for held in rules.roles.values()):
        gone = "Every role that could do something was deleted: only administrators may."
        problems.append(gone if any(rules.roles.values()) else "No role may do anything yet, only administrators.")
    if rules.default_programme is None and len(programmes) > 1:
        problems.append(f"No default programme: commands have to name one of the {len(programmes)}.")
    elif rules.default_programme is not None and rules.default_programme not in programmes:
        name = escape(rules.default_programme, 60)
        problems.append(f"The default programme {name} is not set up any more: commands have to name one.")
    return problems


def _note(key: str) -> str:
    if key == Capability.AWARD:
        return (
            "\n-# Administrators always may. Discord shows the commands to members without *Manage Server* once you "
            "allow them under Server Settings › Integrations."
        )
    if key == SELF:
        return "\n-# Nobody while it is empty, administrators included."
    return ""


def _found(roles: frozenset[str], there: There) -> frozenset[str]:
    return roles if there.roles is None else roles & there.roles


def _gone(roles: frozenset[str], found: frozenset[str]) -> str:
    """What there is to say about the chosen roles that were deleted in Discord."""
    gone = len(roles) - len(found)
    if not gone:
        return ""
    if not found:
        its = "Its role was" if gone == 1 else f"Its {gone} roles were"
        return f"\n-# ⚠ {its} deleted: no role gives this until another is chosen."
    return f"\n-# ⚠ {gone} of its roles {'was' if gone == 1 else 'were'} deleted, which nobody has any more."


def _programme_lines(programmes: Sequence[ProgrammeLine], room: int) -> list[Line]:
    """What is known of each, as far as that leaves room for what can be set."""
    lines: list[Line] = []
    promised = _promised(programmes, room)
    for told, one in enumerate(programmes):
        about = _about(one, promised)
        room -= sum(len(line) for line in about)
        if room < 0:
            lines.append(f"-# … and {count(len(programmes) - told, 'more programme')}")
            break
        lines.extend(about)
    if len(programmes) > MENU_MAX:
        lines.append("-# `/settings programme` has those that do not fit into the menu, too.")
    if any(one.name.startswith("drip") for one in programmes):
        lines.append("-# `/settings currency` chooses from Drip's own list.")
    return lines


def _promised(programmes: Sequence[ProgrammeLine], room: int) -> int:
    """Characters that each has for its promise."""
    return max(PROMISE_LEAST, room // max(1, len(programmes)) - TITLE_ROOM)


def _told_whole(programmes: Sequence[ProgrammeLine], room: int) -> bool:
    """Whether nothing about any programme is cut off or left out."""
    promised = _promised(programmes, room)
    short = any(len(one.promise or "") > promised or len(one.unusable or "") > UNUSABLE_ROOM for one in programmes)
    about = sum(len(line) for one in programmes for line in _about(one, promised))
    return not short and about <= room


def _about(one: ProgrammeLine, promised: int) -> list[str]:
    """``promised``: characters of what it can promise."""
    lines = []
    if one.unusable is not None:
        lines.append(f"-# **{escape(one.title, 60)}**: cannot be used. {escape(one.unusable, UNUSABLE_ROOM)}")
    elif one.currency is not None:
        origin = "chosen here" if one.chosen_here else "as the operator set it"
        lines.append(f"-# **{escape(one.title, 60)}**: currency {escape(one.currency, 40)} ({origin})")
    if one.promise is not None:
        named = "" if one.currency is not None else f"**{escape(one.title, 60)}**: "
        lines.append(f"-# {named}{escape(one.promise, promised)}")
    return lines


def _limit_lines(rules: ServerRules) -> list[Line]:
    return [f"**{NAMES[name]}**: {said(name, getattr(rules, name))}" for name in SHOWN_LIMITS]


def _role_menu(key: str, roles: frozenset[str]) -> discord.ui.RoleSelect[Any]:
    chosen = sorted(roles)[:ROLES_MAX]
    return discord.ui.RoleSelect(
        custom_id=f"settings:roles:{key}",
        placeholder="Nobody" if key == SELF else "Nobody but administrators",
        min_values=0,
        max_values=ROLES_MAX,
        default_values=[discord.SelectDefaultValue.from_role(discord.Object(int(role))) for role in chosen],
    )


def _channel_menu(rules: ServerRules, there: There) -> discord.ui.ChannelSelect[Any]:
    now = rules.staff_channel_id
    found = now is not None and (there.channels is None or now in there.channels)
    return discord.ui.ChannelSelect(
        custom_id="settings:channel",
        channel_types=[discord.ChannelType.text],
        placeholder="None: choose a private channel" if now is None else "Choose another private channel",
        min_values=0,
        max_values=1,
        default_values=[discord.SelectDefaultValue.from_channel(discord.Object(int(now)))] if now and found else [],
    )


def fitting_menu(names: Sequence[str], chosen: str | None) -> list[str]:
    """As many as a menu can hold, with the chosen one: without it the menu would say that there is none."""
    if chosen is None or chosen not in names[MENU_MAX:]:
        return list(names[:MENU_MAX])
    return [*names[: MENU_MAX - 1], chosen]


def _programme_menu(rules: ServerRules, programmes: Sequence[ProgrammeLine]) -> discord.ui.Select[Any]:
    shown = fitting_menu([one.name for one in programmes], rules.default_programme)
    options = [
        discord.SelectOption(
            label=plain(one.title if one.title == one.name else f"{one.title} ({one.name})"),
            value=one.name,
            description=plain(f"cannot be used: {one.unusable}") if one.unusable else None,
            default=one.name == rules.default_programme,
        )
        for one in programmes
        if one.name in shown
    ]
    if not options:
        nothing = discord.SelectOption(label="The operator has set no keys", value="-")
        return discord.ui.Select(custom_id="settings:programme", options=[nothing], disabled=True)
    return discord.ui.Select(
        custom_id="settings:programme",
        placeholder="None: commands have to name one",
        min_values=0,
        max_values=1,
        required=False,  # without it Discord refuses the whole card (discord-api-docs issue 7800)
        options=options,
    )
