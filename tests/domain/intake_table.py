"""Files and what must become of them. Written before the reader; the tests only compare.

A good row is ``(line, type, value, amount)``; a problem ``(line, column, kind)``; warnings map a kind to its lines.
"""

# ruff: noqa: E501 - a table is read row by row
from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field

from bot.domain.intake import ReadingOptions
from bot.domain.intake.records import LINE_MAX
from bot.domain.model import RecipientType, Unit

NOW_MS = 1_785_000_000_000  # July 2026
A, B, C, D = "201234567890123457", "318427659021348871", "1103345678901234567", "98765432109876543"
WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"
DRIP = "65a1b2c3d4e5f60718293a4b"
E_MAIL = "ada@example.org"
DEFAULT = ReadingOptions(now_ms=NOW_MS)


def options(**changes: object) -> ReadingOptions:
    return ReadingOptions(**({"now_ms": NOW_MS} | changes))


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    rows: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    warnings: dict = field(default_factory=dict)
    refused: str | None = None
    choices: tuple = ()
    options: ReadingOptions = DEFAULT


def case(name, text, rows=(), problems=(), **rest: object) -> Case:
    content = text if isinstance(text, bytes) else text.encode()
    return Case(name, content, list(rows), list(problems), **rest)


def d(line, value, amount):
    return (line, "discord-id", value, amount)


PLAIN = f"discord_id,amount\n{A},5\n{B},-7\n"
PLAIN_ROWS = [d(2, A, 5), d(3, B, -7)]


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


SHAPES = [
    case("plain", PLAIN, PLAIN_ROWS),
    case("no newline at the end", PLAIN.rstrip(), PLAIN_ROWS),
    case("crlf", PLAIN.replace("\n", "\r\n"), PLAIN_ROWS),
    case("cr", PLAIN.replace("\n", "\r"), PLAIN_ROWS),
    case("semicolons", PLAIN.replace(",", ";"), PLAIN_ROWS),
    case("tabs", PLAIN.replace(",", "\t"), PLAIN_ROWS),
    case("pipes", PLAIN.replace(",", "|"), PLAIN_ROWS),
    case("sep= counts as a line", "sep=;\n" + PLAIN.replace(",", ";"), [d(3, A, 5), d(4, B, -7)]),
    case("quoted sep=", '"sep=|"\r\n' + PLAIN.replace(",", "|"), [d(3, A, 5), d(4, B, -7)]),
    case("sep= with a tab", "SEP=\t\n" + PLAIN.replace(",", "\t"), [d(3, A, 5), d(4, B, -7)]),
    case("utf-8 with bom", b"\xef\xbb\xbf" + PLAIN.encode(), PLAIN_ROWS),
    case("utf-16 with bom", PLAIN.encode("utf-16"), PLAIN_ROWS),
    case("utf-16 big-endian with bom", b"\xfe\xff" + PLAIN.encode("utf-16-be"), PLAIN_ROWS),
    case("utf-16 without bom", PLAIN.encode("utf-16-le"), PLAIN_ROWS),
    case("utf-16 big-endian without bom", PLAIN.encode("utf-16-be"), PLAIN_ROWS),
    case("windows-1252", f"discord_id,amount,reason\n{A},5,für Zoë – danke\n".encode("cp1252"), [d(2, A, 5)]),
    case("all quoted", f'"discord_id","amount"\n"{A}","5"\n"{B}","-7"\n', PLAIN_ROWS),
    case("spaces before quotes", f'discord_id, amount\n{A}, "5"\n{B}, "-7"\n', PLAIN_ROWS),
    case("empty rows are skipped", f"discord_id,amount\n\n{A},5\n,,\n  , \n{B},-7\n\n\n", [d(3, A, 5), d(6, B, -7)]),
    case(
        "quoted newlines count",
        f'discord_id,reason,amount\n{A},"one\ntwo\r\nthree",5\n{B},x,-7\n',
        [d(2, A, 5), d(5, B, -7)],
    ),
    case("a header with a quoted newline", f'"discord_id","amount\n"\n{A},5\n', [d(3, A, 5)]),
    case("lines above the header", f"Winners of July\n\ndiscord_id,amount\n{A},5\n", [d(4, A, 5)]),
    case("a word above the header under another delimiter", f"Note, July\ndiscord_id;amount\n{A};5\n{B};-7\n", [d(3, A, 5), d(4, B, -7)]),
    case("header on row 20", "\n" * 19 + PLAIN, [d(21, A, 5), d(22, B, -7)]),
    case("header on row 21", "\n" * 20 + PLAIN, refused="no-header"),
    case("short rows", f"discord_id,amount,reason\n{A},5\n{B},-7,x\n", PLAIN_ROWS),
    case("trailing delimiters", f"discord_id,amount,,\n{A},5,,\n{B},-7,,\n", PLAIN_ROWS),
    case("invisible characters", f"\u200bdiscord_id\u200b,amount\n\u202a{A}\u202c,\u200e5\n{B},-7\n", PLAIN_ROWS),
    case(
        "unused columns are ignored and named",
        f"name,discord_id,amount,Rank\nAda,{A},5,1\nبرهان,{B},-7,2\n",
        PLAIN_ROWS,
        warnings={"unknown-column": (1,)},
    ),
    case("a recipient in another encoding", "customer_id;amount\nMüller;5\nC2;7\n".encode("cp850"),
         [(3, "customer-id", "C2", 7)], [(2, "customer_id", "bad-recipient")], warnings={"unreadable-text": ()}),
    case("recipients in an encoding that was guessed", "customer_id;amount\nŁukasz;5\nC2;7\n".encode("cp1250"),
         [(2, "customer-id", "£ukasz", 5), (3, "customer-id", "C2", 7)], warnings={"unreadable-text": (2,)}),
    case("recipients in an encoding that is known", "customer_id;amount\nŁukasz;5\n", [(2, "customer-id", "Łukasz", 5)]),
    case("bytes that are no text", b"discord_id,amount,reason\n" + A.encode() + b",5,\x81\xff\n", [d(2, A, 5)],
         warnings={"unreadable-text": ()}),
]  # fmt: skip

HEADERS = [
    case(f"header {name!r}", f"{name},points\n{A},5\n", [d(2, A, 5)])
    for name in (
        "discord_id", "Discord ID", "DISCORD-ID", "discordId", " user ", "User_Id", "user id", "member", "Mention",
        "discord__id", "USERID", '"discord_id"',
    )
] + [
    case("drip_id", f"Drip ID,amount\n{DRIP},5\n", [(2, "drip-id", DRIP, 5)]),
    case("wallet", f"Wallet,amount\n{WALLET},5\n", [(2, "wallet", WALLET, 5)]),
    case("email", f"E-Mail,amount\n{E_MAIL},5\n", [(2, "email", E_MAIL, 5)]),
    case("twitter_id", "twitter id,amount\n44196397,5\n", [(2, "twitter-id", "44196397", 5)]),
    case("custom and source", "custom,source,amount\nplayer 1,steam,5\n", [(2, "custom", "player 1", 5)]),
    case("customer_id", "customer-id,amount\nC 42,5\n", [(2, "customer-id", "C 42", 5)]),
    case("our own result file", f"discord_id,amount,status,detail,award_id,time\n{A},5,rejected,x,17,2026-07-01T00:00:00Z\n",
         [d(2, A, 5)]),
    case("somebody's own decisions under a name of ours", f"discord_id,amount,Status\n{A},5,approved\n{B},-7,denied\n",
         PLAIN_ROWS, warnings={"own-column": (1,)}),
    case("our own problem file", f"discord_id,amount,problem\n{A},5,was damaged\n", [d(2, A, 5)]),
    case("duplicated header", f"discord_id,amount,Amount\n{A},5,5\n", refused="duplicate-header"),
    case("duplicated header, also of a column that is not used", f"discord_id,amount,x,X\n{A},5,,\n",
         refused="duplicate-header"),
    case("near miss", f"discord_id,amonut\n{A},5\n", refused="misspelt-column"),
    case("near miss beside everything needed", f"discord_id,amount,raeson\n{A},5,x\n", refused="misspelt-column"),
    case("near miss of who", f"discrod_id,amount\n{A},5\n", refused="misspelt-column"),
    case("both misspelt", f"discrod_id,amonut\n{A},5\n", refused="misspelt-column"),
    case("a short near miss", f"discord_id,amount,nots\n{A},5,x\n", refused="misspelt-column"),
    case("names that only look a little alike", f"discord_id,amount,name,date,role,title\n{A},5,,,,\n", [d(2, A, 5)],
         warnings={"unknown-column": (1,)}),
    case("no recipient column", "Player,amount\nAda,5\n", refused="no-recipient-column", choices=("Player",)),
    case("no amount column", f"discord_id,Score\n{A},5\n", refused="no-amount-column", choices=("Score",)),
    case("no header", f"{A},5\n{B},7\n", refused="no-header"),
    case("no header, one column", f"{A}\n{B}\n", refused="no-header", options=options(amount=5)),
    case("a header in another language", f"Benutzer;Betrag\n{A};5\n", refused="no-header"),
    case("nothing but separators", "\n,,\n,,\n", refused="no-header"),
    case("data with a word that could be a header", f"{A},5,mention\n{B},7,user\n", refused="no-header"),
    case("a second header below", f"discord_id,amount\n{A},5\ndiscord_id,amount,name\n{B},-7\n", [d(2, A, 5), d(4, B, -7)],
         [(3, None, "extra-cells")]),
    case("nothing like a header", "hello\nworld\n", refused="no-header"),
    case("one column and a given amount", f"discord_id\n{A}\n{B}\n", [d(2, A, 5), d(3, B, 5)], options=options(amount=5)),
    case("an amount given twice", f"discord_id,points\n{A},7\n", refused="choose-amount", choices=("points",),
         options=options(amount=5)),
    case("an amount given twice, decided", f"discord_id,points\n{A},7\n", [d(2, A, 7)],
         options=options(amount=5, amount_column="points")),
    case("two columns of one type could be who", f"discord_id,user,amount\n{A},{B},5\n", refused="choose-recipient",
         choices=("discord_id", "user")),
    case("two columns in every row", f"discord_id,wallet,amount\n{A},{WALLET},5\n{B},{WALLET},5\n", [],
         [(2, None, "two-recipients"), (3, None, "two-recipients")], warnings={"choose-recipient": ()},
         choices=("discord_id", "wallet")),
    case("two columns in one of two rows", f"discord_id,wallet,amount\n{A},{WALLET},5\n{B},,5\n", [d(3, B, 5)],
         [(2, None, "two-recipients")], warnings={"choose-recipient": ()}, choices=("discord_id", "wallet")),
    case("two columns could be who, decided", f"discord_id,Wallet,amount\n{A},{WALLET},5\n",
         [(2, "wallet", WALLET, 5)], options=options(recipient_column="wallet")),
    case("two columns could be who, the programme takes one", f"discord_id,customer_id,amount\n{A},C1,5\n", [d(2, A, 5)],
         options=options(accepts=frozenset({RecipientType.DISCORD_ID, RecipientType.WALLET}))),
    case("a column of names beside a column of ids", f"user,user_id,amount\nada#1,{A},5\nbob,{B},-7\n", PLAIN_ROWS),
    case("a column of names beside one that has ids by its name", f"User,ID,points\nada,{A},5\nbob,{B},-7\n",
         refused="no-recipient-column", choices=("ID",)),
    case("the same, decided", f"User,ID,points\nada,{A},5\nbob,{B},-7\n", PLAIN_ROWS, options=options(recipient_column="ID")),
    case("names and an id beside a column of ids by its name", f"User,ID,points\nada,1,5\n<@{B}>,2,-7\n", [d(3, B, -7)],
         [(2, "User", "bad-recipient")], warnings={"unknown-column": (1,)}),
    case("an empty column cannot be who", f"wallet,discord_id,amount\n,{A},5\n,{B},-7\n", PLAIN_ROWS),
    case("every row has its own way of naming", f"discord_id,email,amount\n{A},,5\n,{E_MAIL},6\n",
         [d(2, A, 5), (3, "email", E_MAIL, 6)]),
    case("two recipients in one row", f"discord_id,wallet,amount\n{A},,5\n,{WALLET},6\n{B},{WALLET},7\n",
         [d(2, A, 5), (3, "wallet", WALLET, 6)], [(4, None, "two-recipients")]),
    case("two columns could be how much", f"discord_id,amount,points\n{A},5,6\n", refused="choose-amount",
         choices=("amount", "points")),
    case("two columns could be how much, decided", f"discord_id,amount,points\n{A},5,6\n", [d(2, A, 6)],
         options=options(amount_column="Points")),
    case("an empty column cannot be how much", f"discord_id,amount,points\n{A},,6\n", [d(2, A, 6)]),
    case("a column chosen that means nothing by its name", f"Player,Score\n{A},5\n{B},-7\n", PLAIN_ROWS,
         options=options(recipient_column="player", amount_column="SCORE")),
    case("a chosen column of e-mail addresses", f"Contact,amount\n{E_MAIL},5\n", [(2, "email", E_MAIL, 5)],
         options=options(recipient_column="Contact")),
    case("a chosen column of customers", "Client,amount\nC1,5\n", [(2, "customer-id", "C1", 5)],
         options=options(recipient_column="client", accepts=frozenset({RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}))),
    case("a chosen column that is not there", PLAIN, refused="no-recipient-column", choices=("discord_id", "amount"),
         options=options(recipient_column="who")),
    case("chosen by hand, of Twitter's ids, which look like Discord's",
         "Twitter,amount\n1290123456789012345,5\n1350123456789012349,6\nada,7\n",
         [(2, "twitter-id", "1290123456789012345", 5), (3, "twitter-id", "1350123456789012349", 6)],
         [(4, "Twitter", "bad-recipient")], options=options(recipient_column="Twitter")),
    case("a chosen amount column that is not there", PLAIN, refused="no-amount-column", choices=("discord_id", "amount"),
         options=options(amount_column="much")),
    case("reason and note", f"discord_id,amount,note,reason\n{A},5,n,r\n", [d(2, A, 5)],
         warnings={"unknown-column": (1,)}),
    case("source without custom", f"discord_id,amount,source\n{A},5,steam\n", [d(2, A, 5)]),
]  # fmt: skip

RECIPIENTS = [
    # column, cell, (type, value) or kind
    ("discord_id", A, ("discord-id", A)),
    ("discord_id", f"<@{A}>", ("discord-id", A)),
    ("discord_id", f"<@!{A}>", ("discord-id", A)),
    ("discord_id", f"@{A}", ("discord-id", A)),
    ("discord_id", f"https://discord.com/users/{A}", ("discord-id", A)),
    ("discord_id", f"https://discordapp.com/users/{A}/", ("discord-id", A)),
    ("discord_id", f"discord://-/users/{A}", ("discord-id", A)),
    ("discord_id", f"'{A}", ("discord-id", A)),
    ("discord_id", f'"=""{A}"""', ("discord-id", A)),
    ("discord_id", f"  {A}\t", ("discord-id", A)),
    ("discord_id", D, ("discord-id", D)),
    ("discord_id", C, ("discord-id", C)),
    ("user", "ada", "bad-recipient"),
    ("user", "ada#1234", "bad-recipient"),
    ("discord_id", f"<@&{A}>", "bad-recipient"),
    ("discord_id", f"<#{A}>", "bad-recipient"),
    ("discord_id", "12345", "bad-recipient"),
    ("discord_id", "1234567890123456789012", "bad-recipient"),
    ("discord_id", f"0{A}", "bad-recipient"),
    ("discord_id", "٢٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥٧", "bad-recipient"),
    ("discord_id", f"-{A}", "bad-recipient"),
    ("discord_id", "https://discord.com/channels/1/2", "bad-recipient"),
    ("discord_id", f"{A} {B}", "two-recipients"),
    ("discord_id", f"<@{A}><@{B}>", "two-recipients"),
    ("discord_id", f'"{A},{B}"', "two-recipients"),
    ("discord_id", "2.01234567890123E+17", "damaged-id"),
    ("discord_id", '"2,01235E+17"', "damaged-id"),
    ("discord_id", "2e17", "damaged-id"),
    ("discord_id", f"{A}.0", "damaged-id"),
    ("discord_id", f'"{A},00"', "damaged-id"),
    ("discord_id", '"201,234,567,890,123,457"', "damaged-id"),
    ("discord_id", "201 234 567 890 123 457", "damaged-id"),
    ("discord_id", "1999999999999999999", "damaged-id"),  # made in 2030
    ("discord_id", "19999999999999999999", "damaged-id"),  # made in 2166
    ("discord_id", "#NAME?", "bad-recipient"),
    ("drip_id", DRIP, ("drip-id", DRIP)),
    ("drip_id", DRIP.upper(), ("drip-id", DRIP.upper())),
    ("drip_id", DRIP[:-1], "bad-recipient"),
    ("drip_id", f"{DRIP[:-1]}g", "bad-recipient"),
    ("drip_id", "6.5E+23", "damaged-id"),
    ("wallet", WALLET, ("wallet", WALLET)),
    ("wallet", WALLET.lower(), ("wallet", WALLET.lower())),
    ("wallet", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", ("wallet", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV")),
    ("wallet", WALLET[:-1], "bad-recipient"),
    ("wallet", "0x" + "g" * 40, "bad-recipient"),
    ("wallet", "ada.eth", "bad-recipient"),
    ("wallet", f"{WALLET} {WALLET}", "two-recipients"),
    ("wallet", "é" * 30, "bad-recipient"),
    ("email", E_MAIL, ("email", E_MAIL)),
    ("email", f"'+{E_MAIL}", ("email", f"+{E_MAIL}")),
    ("email", f"mailto:{E_MAIL}", ("email", E_MAIL)),
    ("email", "ada", "bad-recipient"),
    ("email", "ada@example", "bad-recipient"),
    ("email", "ada@@example.org", "bad-recipient"),
    ("email", "ada@example..org", "bad-recipient"),
    ("email", f"Ada <{E_MAIL}>", "bad-recipient"),
    ("email", f"{E_MAIL}; bob@example.org", "two-recipients"),
    ("email", "a" * 250 + "@example.org", "bad-recipient"),
    ("email", "a\x01da@example.org", "bad-recipient"),
    ("twitter_id", "44196397", ("twitter-id", "44196397")),
    ("twitter_id", "@ada", "bad-recipient"),
    ("twitter_id", "0044196397", "bad-recipient"),
    ("twitter_id", "1.5E+18", "damaged-id"),
    ("twitter_id", "1" * 21, "bad-recipient"),
    ("twitter_id", '"44196397, 783214"', "two-recipients"),
    ("customer_id", "x" * 100, ("customer-id", "x" * 100)),
    ("customer_id", "x" * 101, "bad-recipient"),
    ("customer_id", "2.01235E+17", "damaged-id"),
    ("customer_id", f"{A}.0", "damaged-id"),
    ("customer_id", "1.0", ("customer-id", "1.0")),
    ("customer_id", "Nan", ("customer-id", "Nan")),
    *(("customer_id", nothing, "bad-recipient") for nothing in ("nan", "NULL", "None", "#N/A", "#REF!", "(blank)", "-", "?")),
    ("customer_id", '"=""00123"""', ("customer-id", "00123")),
    ("twitter_id", '="44196397"', ("twitter-id", "44196397")),
    ("customer_id", '="2.01235E+17"', "damaged-id"),
    ("customer_id", f"<@{A}>", "bad-recipient"),
]  # fmt: skip

ROWS = [
    case("zero and blank are one group", f"discord_id,amount\n{A},0\n{B},\n{C},-0.0\n{D},5\n", [d(5, D, 5)],
         warnings={"nothing-to-pay": (2, 3, 4)}),
    case("nothing to pay comes before who", f"discord_id,amount\nnobody,0\n{A},5\n", [d(3, A, 5)],
         warnings={"nothing-to-pay": (2,)}),
    case("every problem of a row", "discord_id,amount\nnobody,1e3\n",
         problems=[(2, "discord_id", "bad-recipient"), (2, "amount", "bad-amount")]),
    case("columns are named as written", "User ID;My;Points\nnobody;;1e3\n".replace("My", "name"),
         problems=[(2, "User ID", "bad-recipient"), (2, "Points", "bad-amount")], warnings={"unknown-column": (1,)}),
    case("more cells than columns", f"discord_id,amount\n{A},1,250\n{B},5\n", [d(3, B, 5)], [(2, None, "extra-cells")]),
    case("an amount that a comma parted", f"discord_id,amount,reason\n{A},1,250,\n{B},5,,\n{C},7,250\n",
         [d(3, B, 5), d(4, C, 7)], [(2, None, "extra-cells")], warnings={"parted-amount": (4,)}),
    case("an amount that a comma parted, into a column without a name",
         f"discord_id,amount,\n{A},1,250\n{B},5,\n{C},7,bot\n{D},,250\n", [d(3, B, 5), d(4, C, 7)],
         [(2, "amount", "extra-cells"), (5, "amount", "extra-cells")], warnings={"nameless-column": (2, 4, 5)}),
    case("one name over several columns", f"Member,,Points,,\nID,Name,Week 1,Week 2,Total\n{A},Al,10,20,30\n",
         problems=[(2, "Member", "bad-recipient"), (2, "Points", "bad-amount"), (3, "Points", "extra-cells")],
         warnings={"nameless-column": (2, 3)}),
    case("numbered rows", f",discord_id,amount\n0,{A},5\n1,{B},-7\n", [d(2, A, 5), d(3, B, -7)],
         warnings={"nameless-column": (2, 3)}),
    case("amounts that a comma parted, without a cell too many",
         f"discord_id,amount,reason\n{A},1,250\n{B},12,000\n{C},-3,500\n{D},40\n",
         [d(2, A, 1), d(3, B, 12), d(4, C, -3), d(5, D, 40)], warnings={"parted-amount": (2, 3, 4)}),
    case("the same as money, in the other order", f"amount,reason,discord_id\n1,250,{A}\n2,500,{B}\n",
         [d(2, A, 100), d(3, B, 200)], options=options(unit=Unit.MONEY), warnings={"parted-amount": (2, 3)}),
    case("amounts of money that a decimal comma parted", f"discord_id,amount,reason\n{A},5,50\n{B},-120,5\n{C},7,\n",
         [d(2, A, 500), d(3, B, -12000), d(4, C, 700)], options=options(unit=Unit.MONEY), warnings={"parted-amount": (2, 3)}),
    case("an amount of money that a decimal comma parted, with a cell too many", f"discord_id,amount,reason\n{A},5,50,\n{B},7,,\n",
         [d(3, B, 700)], [(2, None, "extra-cells")], options=options(unit=Unit.MONEY)),
    case("weeks for reasons of points", f"discord_id,amount,reason\n{A},5,31\n{B},7,31,\n", [d(2, A, 5), d(3, B, 7)]),
    case("nearly every amount parted by a comma",
         "discord_id,amount,reason\n" + "".join(f"{int(A) + 977 * n},1,250\n" for n in range(9)) + f"{B},5,Quest\n",
         [*(d(n + 2, str(int(A) + 977 * n), 1) for n in range(9)), d(11, B, 5)], warnings={"parted-amount": (*range(2, 11),)}),
    case("reasons that are numbers now and then", f"discord_id,amount,reason\n{A},1,250\n{B},5,Quest\n{C},7,404\n",
         [d(2, A, 1), d(3, B, 5), d(4, C, 7)]),
    case("numbers for reasons that are no part of an amount",
         f"discord_id,amount,reason\n{A},1250,250\n{B},5,1250\n{C},007,250\n",
         [d(2, A, 1250), d(3, B, 5), d(4, C, 7)]),
    case("a reason of three digits behind another mark", f"discord_id;amount;reason\n{A};1;250\n{B};2;500\n",
         [d(2, A, 1), d(3, B, 2)]),
    case("a reason of three digits elsewhere", f"discord_id,reason,amount\n{A},250,1\n{B},500,2\n",
         [d(2, A, 1), d(3, B, 2)]),
    case("a doubtful amount", f"discord_id;amount\n{A};1.000\n{B};2\n", [d(3, B, 2)], [(2, "amount", "ambiguous-amount")]),
    case("a doubtful amount settled below", f"discord_id;amount\n{A};1.000\n{B};1.234.567\n", [d(2, A, 1000), d(3, B, 1234567)]),
    case("a doubtful amount settled by a fraction", f"discord_id;amount\n{A};1,000\n{B};12.5\n", [d(2, A, 100000), d(3, B, 1250)],
         options=options(unit=Unit.MONEY)),
    case("a doubtful amount settled both ways stays doubtful", f"discord_id;amount\n{A};1.000\n{B};1.234.567\n{C};1,234,567\n",
         [d(3, B, 1234567), d(4, C, 1234567)], [(2, "amount", "ambiguous-amount")]),
    case("a doubtful amount is not one point because others have the mark for decimals",
         f"discord_id;amount\n{A};1,000\n{B};1.234.567\n{C};2,000\n{D};5,00\n", [d(3, B, 1234567), d(5, D, 5)],
         [(2, "amount", "ambiguous-amount"), (4, "amount", "ambiguous-amount")]),
    case("a doubtful amount is one point among others of three decimals",
         f"discord_id;amount\n{A};1.000\n{B};1234.000\n{C};20.000\n", [d(2, A, 1), d(3, B, 1234), d(4, C, 20)]),
    case("above the limit", f"discord_id,amount\n{A},101\n{B},-101\n{C},100\n", [d(4, C, 100)],
         [(2, "amount", "over-limit"), (3, "amount", "over-limit")], options=options(max_award=100)),
    case("beyond what is exact", f"discord_id,amount\n{A},9007199254740993\n{B},1\n", [d(3, B, 1)], [(2, "amount", "over-limit")]),
    case("a given amount above the limit", f"discord_id\n{A}\n", problems=[(2, None, "over-limit")],
         options=options(amount=5, max_award=4)),
    case("a date among whole points does not say what 2.000 is", f"discord_id;amount\n{A};2.000\n{B};12.05\n{C};3\n",
         [d(4, C, 3)], [(2, "amount", "ambiguous-amount"), (3, "amount", "fraction")]),
    case("fractions of points", f"discord_id,amount\n{A},12.5\n{B},1\n", [d(3, B, 1)], [(2, "amount", "fraction")]),
    case("a type the programme does not take", f"wallet,amount\n{WALLET},5\n", problems=[(2, "wallet", "wrong-type")],
         options=options(accepts=frozenset({RecipientType.DISCORD_ID}))),
    case("custom without a source column", "custom,amount\np1,5\n", problems=[(2, "custom", "no-source")]),
    case("custom with a source that is far too long", f"custom,source,amount\np1,{'x' * 201},5\n",
         problems=[(2, "source", "bad-recipient")]),
    case("free text above the header is no row", "July,\ncustomer_id,amount\nC1,5\n", [(3, "customer-id", "C1", 5)]),
    case("custom with an empty source", "custom,source,amount\np1,,5\np2,steam,5\n", [(3, "custom", "p2", 5)],
         [(2, "source", "no-source")]),
    case("no recipient and a given amount", f"discord_id,name\n{A},Ada\n,Bob\n", [d(2, A, 5)], [(3, "discord_id", "no-recipient")],
         options=options(amount=5), warnings={"unknown-column": (1,)}),
    case("no recipient in the chosen column", f"discord_id,wallet,amount\n{A},,5\n,{WALLET},7\n", [d(2, A, 5)],
         [(3, "discord_id", "no-recipient")], options=options(recipient_column="discord_id")),
    case("no recipient and an amount that is none", f"discord_id,amount\n{A},5\n,abc\n", [d(2, A, 5)],
         [(3, "discord_id", "no-recipient")]),
    case("a line of text without an amount", f"discord_id,amount,note\n{A},5,\n,,see above\n", [d(2, A, 5)],
         warnings={"nothing-to-pay": (3,)}),
    case("award ids", f"discord_id,amount,award_id\n{A},5,17\n{B},6,\n{C},7,x\n{D},8,-1\n", [d(2, A, 5), d(3, B, 6)],
         [(4, "award_id", "bad-award-id"), (5, "award_id", "bad-award-id")]),
    case("rows above the header", f"{A},5\ndiscord_id,amount\n{B},7\n", [d(3, B, 7)], [(1, "discord_id", "above-header")]),
    case("a table above the header", f"amount,discord_id\n5,{A}\n\ndiscord_id,amount,reason\n{B},7,x\n", [d(5, B, 7)],
         [(2, None, "above-header")]),
    case("a table above the header, of ids in free text", "customer_id,amount\nada,5\nnote,\ncustomer_id,amount,note\nbob,7,\n",
         [(5, "customer-id", "bob", 7)], [(2, None, "above-header"), (3, None, "above-header")]),
    case("awards above the header, in other columns", f"Winners,week 31\n5,{A}\nby,{C}\ndiscord_id,amount\n{B},7\n",
         [d(5, B, 7)], [(2, "discord_id", "above-header")]),
    case("a second table with its columns swapped", "twitter_id,amount,note\n11,5,x\n\namount,twitter_id\n70,1234\n",
         [(2, "twitter-id", "11", 5)], [(4, None, "other-table"), (5, None, "other-table")]),
    case("a second table whose rows look like the first one's", f"discord_id,amount,note\n{A},5,\ndiscord_id,level,points\n{B},7,90\n",
         [d(2, A, 5)], [(3, None, "other-table"), (4, None, "other-table")]),
    case("a second table of levels, which are no amounts",
         f"discord_id,amount,by\n{A},5,x\nLevels,,\nUser ID,Level,By\n{B},7,y\n<@{C}>,90,z\n", [d(2, A, 5)],
         [(4, None, "other-table"), (5, None, "other-table"), (6, None, "other-table")],
         warnings={"unknown-column": (1,), "nothing-to-pay": (3,)}),
    case("a second table of warnings, with a name for who that is not known",
         f"Discord ID;Points\n{A};5\n\nMember ID;Warnings\n{B};3\n", [d(2, A, 5)],
         [(4, None, "other-table"), (5, None, "other-table")]),
    case("a header in two rows", f"User,,,Points\nDiscord ID,Name,Rank,Total\n{A},Al,1,50\n", [d(3, A, 50)],
         [(2, "User", "bad-recipient"), (2, "Points", "bad-amount")], warnings={"nameless-column": (2, 3)}),
    case("a row of words is no second table", f"discord_id,amount\n{A},5\nno ID yet,pending\n{B},7\n", [d(2, A, 5), d(4, B, 7)],
         [(3, "discord_id", "bad-recipient"), (3, "amount", "bad-amount")]),
    case("a row of words that are columns' names", f"custom,source,amount,note\nuser,game,-5,points\n{A},game,7,x\n",
         [(2, "custom", "user", -5), (3, "custom", A, 7)]),
    case("a refund by e-mail in an export", f"recipient_type,recipient_value,amount,reason\nemail,{E_MAIL},,points\nemail,{E_MAIL},7,x\n",
         [(3, "email", E_MAIL, 7)], warnings={"nothing-to-pay": (2,)}),
    case("a second table with the same columns", f"discord_id,amount,note\n{A},5,x\ndiscord_id,amount\n{B},7\n",
         [d(2, A, 5), d(4, B, 7)], [(3, "discord_id", "bad-recipient"), (3, "amount", "bad-amount")]),
    case("a remark about the amount above the header", f"Amount,50\nReason,Quiz\ndiscord_id,name\n{B},Bo\n",
         refused="no-amount-column", choices=("name",)),
    case("a title that is one column's name", f"member\nas of today\ndiscord_id,amount\n{B},7\n", [d(4, B, 7)]),
    case("a long reason is shortened", f"discord_id,amount,reason\n{A},5,{'x' * 201}\n{B},5,{'x' * 200}\n",
         [d(2, A, 5), d(3, B, 5)], warnings={"reason-shortened": (2,)}),
    case("amounts that stand in one cell with who, behind other marks than the header's",
         f"discord_id,amount\n{A},5\n{B};7\n<@{C}>\t8\n{D} - 9\n{D}: +10\nas of July: 12\n", [d(2, A, 5)],
         [(line, "discord_id", "bad-recipient") for line in (3, 4, 5, 6)], warnings={"nothing-to-pay": (7,)}),
    case("the same with ids in free text", "customer_id,amount\nC1,5\nC2;7\nC 3\n", [(2, "customer-id", "C1", 5)],
         [(3, "customer_id", "bad-recipient")], warnings={"nothing-to-pay": (4,)}),
    case("a zero is nothing to pay whatever stands before it", f"discord_id,amount\n{A} 7,0\n{B},5\n", [d(3, B, 5)],
         warnings={"nothing-to-pay": (2,)}),
    case("nothing but nothing to pay", f"discord_id,amount\n{A},0\n", refused="no-rows", warnings={"nothing-to-pay": (2,)}),
]  # fmt: skip

TOTALS = [
    case("matches", f"discord_id,amount\n{A},5\n{B},7\n,12\n", [d(2, A, 5), d(3, B, 7)], warnings={"control-total": (4,)}),
    case("labelled", f"discord_id,amount\n{A},5\nTotal:,5\n", [d(2, A, 5)], warnings={"control-total": (3,)}),
    case("labelled elsewhere", f"name,discord_id,amount\nAda,{A},5\nSUM,,5\n", [d(2, A, 5)],
         warnings={"control-total": (3,), "unknown-column": (1,)}),
    case("does not match", f"discord_id,amount\n{A},5\n,6\n", [d(2, A, 5)], refused="control-total"),
    case("two totals, one wrong", f"discord_id,amount\n{A},5\ntotal,5\n,4\n", [d(2, A, 5)], refused="control-total"),
    case("a total at the top", f"discord_id,amount\nTotals,5\n{A},5\n", [d(3, A, 5)], warnings={"control-total": (2,)}),
    case("bad rows count when their amount can be read", f"discord_id,amount\n{A},5\nnobody,7\n,12\n", [d(2, A, 5)],
         [(3, "discord_id", "bad-recipient")], warnings={"control-total": (4,)}),
    case("cannot be checked", f"discord_id,amount\n{A},5\n{B},x\n,12\n", [d(2, A, 5)], [(3, "amount", "bad-amount")],
         warnings={"control-total": (4,)}),
    *(case(f"labelled {label!r}", f"customer_id;amount\nC1;5\nC2;7\n{label};12\n",
           [(2, "customer-id", "C1", 5), (3, "customer-id", "C2", 7)], warnings={"control-total": (4,)})
      for label in ("Summe", "Gesamtergebnis", "Total général", "Suma końcowa:", "TOTAL (2)", " Razem ")),
    case("subtotals among customers", "customer_id,amount\nC1,5\nSubtotal,5\nC2,7\nSubtotal,7\n",
         [(2, "customer-id", "C1", 5), (4, "customer-id", "C2", 7)], refused="control-total"),
    case("a label without an amount", f"discord_id,amount\n{A},5\nTotal,\n", [d(2, A, 5)]),
    case("a member called Total", f"discord_id,name,amount\n{A},Total,5\n", [d(2, A, 5)], warnings={"unknown-column": (1,)}),
    case("in its own notation", f"discord_id;amount\n{A};1.234.567\nsum;1.234.567\n", [d(2, A, 1234567)],
         warnings={"control-total": (3,)}),
]  # fmt: skip

QUOTES = [
    case("never closed", f'discord_id,amount,reason\n{A},5,"oh\n{B},6,x\n{C},7,y\n', [d(3, B, 6), d(4, C, 7)],
         [(2, None, "quotes")]),
    case("closed by the next quote", f'discord_id,amount,reason\n{A},5,"oh\n{B},6,"x"\n{C},7,y\n', [d(3, B, 6), d(4, C, 7)],
         [(2, None, "quotes")]),
    case("swallows rows and is closed by chance", f'discord_id,amount,reason\n{A},5,"oh\n{B},6,x\n{C},7,"\n{D},8,z\n',
         [d(5, D, 8)], [(2, None, "quotes")]),
    case("quotes inside a cell", f'discord_id,amount,reason\n{A},5,"the "best" one"\n{B},6,x\n', [d(3, B, 6)],
         [(2, None, "quotes")]),
    case("rows that a spreadsheet with semicolons made one cell of",
         f'discord_id,amount,reason\n"{A},5,""a, b"""\n"12,6,""c, d"""\n{B},6,x\n', [d(4, B, 6)],
         [(2, None, "quotes"), (3, None, "quotes")]),
    case("one cell of words", f'discord_id,amount\n"Thanks to Ana, Bo"\n{A},5\n', [d(3, A, 5)],
         warnings={"nothing-to-pay": (2,)}),
    case("quotes that mean themselves", f'discord_id,amount,reason\n{A},5,a 5" disk\n', [d(2, A, 5)]),
    case("doubled quotes", f'discord_id,amount,reason\n{A},5,"the ""best"" one"\n', [d(2, A, 5)]),
    case("a quote that runs on too long", f'discord_id,amount,reason\n{A},5,"' + "x\n" * 150 + f'"\n{B},6,\n', [d(153, B, 6)],
         [(2, None, "quotes"), (152, None, "quotes")], warnings={"nothing-to-pay": (*range(3, 152),)}),
    case("a line of just the longest length", f"discord_id,amount,reason\n{A},5,{'x' * (LINE_MAX - len(A) - 3)}\n{B},6\n",
         [d(2, A, 5), d(3, B, 6)], warnings={"reason-shortened": (2,)}),
    case("a quoted cell into a line that is far too long", f'discord_id,amount,reason\n{A},5,"x\n{"x" * 70_000}\n{B},6\n',
         [d(4, B, 6)], [(2, None, "quotes"), (3, None, "too-long")]),
    case("a line that is far too long", f"discord_id,amount\n{A},5\n{'x' * 70_000},5\n{B},6\n", [d(2, A, 5), d(4, B, 6)],
         [(3, None, "too-long")]),
]  # fmt: skip

REFUSED = [
    # name, content, kind, words that the message must have
    ("xlsx", packed(**{"xl__workbook.xml": b"<x/>"}), "binary", ("Excel", ".xlsx", "CSV")),
    ("ods", packed(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "binary", (".ods", "CSV")),
    ("numbers", packed(Index__Document=b"x"), "binary", ("Numbers", "CSV")),
    ("zip", packed(a=b"b"), "binary", ("zip", "Unpack")),
    ("gzip", gzip.compress(PLAIN.encode()), "binary", ("gzip", "Unpack")),
    ("xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), "binary", ("Excel", ".xls", "CSV")),
    ("pdf", b"%PDF-1.7\n%abc", "binary", ("PDF", "CSV")),
    ("png", b"\x89PNG\r\n\x1a\n" + bytes(40), "binary", ("picture", "CSV")),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), "binary", ("7-Zip", "Unpack")),
    ("sqlite", b"SQLite format 3\0" + bytes(40), "binary", ("not a text file", "CSV")),
    ("nul bytes", PLAIN.encode() + b"a\0b", "binary", ("not a text file", "CSV")),
    ("control bytes", bytes(range(1, 9)) * 40, "binary", ("not a text file", "CSV")),
    ("html", b"\n<!DOCTYPE html><html>", "not-csv", ("HTML", "CSV")),
    ("html table", b"<table><tr><td>1", "not-csv", ("HTML", "CSV")),
    ("xml", b'\xef\xbb\xbf<?xml version="1.0"?>', "not-csv", ("XML", "CSV")),
    ("json", b'[{"discord_id": "1"}]', "not-csv", ("JSON", "CSV")),
    ("json object", b' {"a": 1}', "not-csv", ("JSON", "CSV")),
    ("rtf", b"{\\rtf1 hello}", "not-csv", ("RTF", "CSV")),
    ("html in utf-16", "<html>".encode("utf-16"), "not-csv", ("HTML", "CSV")),
    ("nothing", b"", "no-rows", ("empty",)),
    ("a bom alone", b"\xef\xbb\xbf", "no-rows", ("empty",)),
    ("blank lines", b"\n\r\n  \n", "no-rows", ("empty",)),
    ("header alone", b"discord_id,amount\n", "no-rows", ("header",)),
    ("a total alone", b"discord_id,amount\n,0\n,,\n", "no-rows", ()),
]  # fmt: skip

ALL_CASES = [*SHAPES, *HEADERS, *ROWS, *TOTALS, *QUOTES]
