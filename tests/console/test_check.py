"""``check``: no keys, no ledger, nothing written; what it says of a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import jsonschema
import pytest

from tests.console.support import Done, bursar, members, payout, write_csv

DRIP = {"DRIP_API_KEY": "k", "DRIP_REALM_ID": "0" * 24, "DRIP_CURRENCY_ID": "c", "DRIP_BASE_URL": "http://127.0.0.1:9"}
MONEY = {
    "GAMEBALL_API_KEY": "k",
    "GAMEBALL_SECRET_KEY": "s",
    "GAMEBALL_AMOUNT_UNIT": "money",
    "GAMEBALL_BASE_URL": "http://127.0.0.1:9",
}
TEXT = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "required": ["rows", "problems", "warnings", "refused", "totals", "sha256", "encoding", "delimiter"],
    "properties": {
        "rows": {
            "items": {
                "required": ["line", "recipient", "amount", "reason"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "recipient": {
                        "required": ["type", "value", "source"],
                        "properties": {"type": TEXT, "value": TEXT, "source": OPTIONAL_TEXT},
                    },
                    "amount": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]*[1-9])?$"},
                    "reason": OPTIONAL_TEXT,
                },
            },
        },
        "problems": {
            "items": {
                "required": ["line", "column", "kind", "message"],
                "properties": {"line": {"type": "integer"}, "column": OPTIONAL_TEXT, "kind": TEXT, "message": TEXT},
            }
        },
        "warnings": {
            "items": {
                "required": ["kind", "message", "lines"],
                "properties": {"kind": TEXT, "message": TEXT, "lines": {"items": {"type": "integer"}}},
            }
        },
        "refused": {"type": ["object", "null"], "required": ["kind", "message"]},
        "totals": {"required": ["rows", "amount"], "properties": {"rows": {"type": "integer"}, "amount": TEXT}},
        "sha256": OPTIONAL_TEXT,
        "encoding": OPTIONAL_TEXT,
        "delimiter": OPTIONAL_TEXT,
    },
}


async def check(directory: Path, *arguments: str, **variables: str) -> Done:
    """``check … --json`` and nothing left behind by it."""
    before = os.listdir(directory)
    done = await bursar("check", *arguments, "--json", directory=directory, variables=variables)
    jsonschema.validate(done.json, SCHEMA)
    assert os.listdir(directory) == before
    assert done.json["exit_status"] == done.status
    return done


async def test_a_clean_file_is_0(tmp_path: Path):
    file = write_csv(tmp_path / "p.csv", "discord_id;points;note", *(f"{who};10;thanks" for who in members(2)))
    done = await check(tmp_path, "p.csv")
    assert done.status == 0
    assert done.err == ""
    assert [(row["line"], row["recipient"]["value"], row["amount"], row["reason"]) for row in done.json["rows"]] == [
        (2, members(2)[0], "10", "thanks"),
        (3, members(2)[1], "10", "thanks"),
    ]
    assert done.json["totals"] == {"rows": 2, "amount": "20"}
    assert done.json["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert done.json["delimiter"] == ";"


async def test_bad_rows_are_1_and_told_by_line_and_column(tmp_path: Path):
    write_csv(tmp_path / "p.csv", "discord_id,amount", f"{members(1)[0]},10", "12,10", f"{members(2)[1]},1e3")
    done = await check(tmp_path, "p.csv")
    assert done.status == 1
    assert [(problem["line"], problem["column"]) for problem in done.json["problems"]] == [
        (3, "discord_id"),
        (4, "amount"),
    ]
    assert done.json["totals"] == {"rows": 1, "amount": "10"}


async def test_the_same_for_people(tmp_path: Path):
    write_csv(tmp_path / "p.csv", "discord_id,amount", f"{members(1)[0]},10", f"{members(1)[0]},5", "12,10")
    done = await bursar("check", "p.csv", directory=tmp_path)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("p.csv: UTF-8, commas, header in line ")
    assert lines[1] == "Good rows: 2 of 3, 15 points in all."
    assert lines[2].startswith("Warning: ")
    assert lines[3] == "Choose with --duplicates: sum, apart, once, refuse."
    assert lines[4] == "1 row cannot be sent:"
    assert lines[5].startswith("  line 4  discord_id  ")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0", b"discord_id,amonut\n1,1\n", b"discord_id,amount\n", b""]
)
async def test_a_refused_file_is_2_with_a_reason(tmp_path: Path, content: bytes):
    (tmp_path / "p.csv").write_bytes(content)
    done = await check(tmp_path, "p.csv")
    assert done.status == 2
    assert done.json["refused"]["message"]
    assert (done.json["rows"], done.json["problems"]) == ([], [])


async def test_a_file_that_is_not_there_is_2(tmp_path: Path):
    done = await check(tmp_path, "none.csv")
    assert done.status == 2
    assert "none.csv" in done.json["refused"]["message"]
    assert "none.csv" in done.err


async def test_a_file_above_the_limits_is_2(tmp_path: Path):
    payout(tmp_path / "p.csv", 3)
    assert (await check(tmp_path, "p.csv", BURSAR_MAX_FILE_BYTES="20")).status == 2
    assert (await check(tmp_path, "p.csv", BURSAR_MAX_ROWS="2")).status == 2
    assert (await check(tmp_path, "p.csv", BURSAR_MAX_ROWS="3")).status == 0


async def test_no_hash_is_told_of_a_file_of_which_only_the_beginning_was_read(tmp_path: Path):
    payout(tmp_path / "p.csv", 3)
    whole = hashlib.sha256((tmp_path / "p.csv").read_bytes()).hexdigest()
    assert (await check(tmp_path, "p.csv", BURSAR_MAX_FILE_BYTES="20")).json["sha256"] is None
    assert (await check(tmp_path, "p.csv", BURSAR_MAX_ROWS="2")).json["sha256"] == whole


async def test_without_a_programme_amounts_are_whole_points_and_every_recipient_is_taken(tmp_path: Path):
    write_csv(tmp_path / "a.csv", "email,amount", "ada@example.org,1.5")
    assert (await check(tmp_path, "a.csv")).json["problems"][0]["column"] == "amount"
    write_csv(tmp_path / "b.csv", "customer_id,amount", "c1,5")
    assert (await check(tmp_path, "b.csv")).status == 0


async def test_a_programme_adds_its_rules(tmp_path: Path):
    write_csv(tmp_path / "p.csv", "customer_id,amount", "c1,12.50")
    done = await check(tmp_path, "p.csv", "--programme", "gameball", **MONEY)
    assert (done.status, done.json["totals"]["amount"], done.json["unit"]) == (0, "12.5", "money")
    assert (await check(tmp_path, "p.csv", "--programme", "drip-members", **DRIP)).status == 1


async def test_a_member_outside_the_customer_map_is_a_bad_row(tmp_path: Path):
    one, two = members(2)
    write_csv(tmp_path / "map.csv", "discord_id,customer_id", f"{one},c1")
    write_csv(tmp_path / "p.csv", "discord_id,amount", f"{one},5", f"{two},5")
    done = await check(tmp_path, "p.csv", "--programme", "gameball", **MONEY, GAMEBALL_CUSTOMER_MAP="map.csv")
    assert (done.status, [problem["line"] for problem in done.json["problems"]]) == (1, [3])


async def test_an_unknown_programme_is_2(tmp_path: Path):
    payout(tmp_path / "p.csv", 1)
    assert (await check(tmp_path, "p.csv", "--programme", "stripe", **DRIP)).status == 2


@pytest.mark.parametrize(
    ("policy", "status", "lines", "amount"),
    [
        ("sum", 0, [2, 3, 4, 5], "35"),
        ("apart", 0, [2, 3, 4, 5], "35"),
        ("once", 1, [2], "10"),
        ("refuse", 1, [], "0"),
    ],
)
async def test_duplicates_are_judged_as_asked(tmp_path: Path, policy: str, status: int, lines: list[int], amount: str):
    one, two = members(2)
    write_csv(tmp_path / "p.csv", "discord_id,amount", f"{one},10", f"<@{one}>,10", f"{two},10", f"{two},5")
    done = await check(tmp_path, "p.csv", "--duplicates", policy)
    assert done.status == status
    assert [row["line"] for row in done.json["rows"]] == lines
    assert done.json["totals"]["amount"] == amount


async def test_the_limit_holds_for_the_sum_of_duplicates(tmp_path: Path):
    one, two = members(2)
    write_csv(tmp_path / "p.csv", "discord_id,amount", f"{one},10", f"{one},10", f"{two},15")
    done = await check(tmp_path, "p.csv", BURSAR_MAX_AWARD="15")
    assert {problem["line"] for problem in done.json["problems"]} == {2, 3}
    assert done.json["totals"] == {"rows": 1, "amount": "15"}


async def test_two_names_of_one_customer_are_one_recipient_once_the_programme_is_known(tmp_path: Path):
    """As `bulk` sees it: the customer map says that the Discord id is that customer."""
    one, two = members(2)
    write_csv(tmp_path / "map.csv", "discord_id,customer_id", f"{one},c1", f"{two},c2")
    write_csv(tmp_path / "p.csv", "discord_id,customer_id,amount", f"{one},,5", f"{two},,5", ",c1,5")
    given = ("p.csv", "--programme", "gameball")
    variables = {**MONEY, "GAMEBALL_CUSTOMER_MAP": "map.csv"}
    done = await check(tmp_path, *given, "--duplicates", "refuse", **variables)
    assert (done.status, [problem["line"] for problem in done.json["problems"]]) == (1, [2, 4])
    done = await check(tmp_path, *given, "--duplicates", "once", **variables)
    assert (done.status, done.json["totals"]["amount"]) == (0, "10")
    done = await check(tmp_path, *given, BURSAR_MAX_AWARD="9", **variables)
    assert (done.status, done.json["totals"]["amount"]) == (1, "5")


async def test_a_drip_id_is_one_member_however_its_letters_are_written(tmp_path: Path):
    write_csv(tmp_path / "p.csv", "drip_id,amount", f"{'5a' * 12},5", f"{'5A' * 12},5")
    done = await check(tmp_path, "p.csv", "--programme", "drip-members", **DRIP)
    assert [(warning["kind"], warning["lines"]) for warning in done.json["warnings"]] == [("duplicate", [2, 3])]


async def test_columns_can_be_chosen_and_an_amount_given(tmp_path: Path):
    one, two = members(2)
    write_csv(tmp_path / "p.csv", "who,guest", f"{one},{two}")
    done = await check(tmp_path, "p.csv", "--recipient-column", "guest", "--amount", "5")
    assert (done.json["rows"][0]["recipient"]["value"], done.json["rows"][0]["amount"]) == (two, "5")


@pytest.mark.parametrize("amount", ["0", "1e3", "abc"])
async def test_a_given_amount_that_is_none_is_2(tmp_path: Path, amount: str):
    write_csv(tmp_path / "p.csv", "discord_id", *members(1))
    assert (await check(tmp_path, "p.csv", "--amount", amount)).status == 2


@pytest.mark.parametrize(
    ("header", "row", "step"),
    [
        (
            "discord_id,user,amount",
            "{0},123456789012345678,5",
            "--recipient-column: discord_id, user.",
        ),
        ("discord_id,amount,points", "{0},5,6", "--amount-column: amount, points."),
        ("guest,amount", "{0},5", "--recipient-column: guest."),
        ("discord_id,much", "{0},5", "--amount-column: much. Give one amount for all rows with --amount N."),
    ],
)
@pytest.mark.parametrize("command", [("check",), ("bulk", "--programme", "drip-credentials", "--yes")])
async def test_a_choice_names_the_one_option_that_makes_it(
    tmp_path: Path, command: tuple[str, ...], header: str, row: str, step: str
):
    write_csv(tmp_path / "p.csv", header, *(row.format(member) for member in members(2)))
    done = await bursar(
        command[0],
        "p.csv",
        *command[1:],
        directory=tmp_path,
        variables={**DRIP, "DRIP_REALM_ID": "a" * 24, "DRIP_CURRENCY_ID": "b" * 24},
    )
    assert done.status == 2
    assert f"Choose with {step}" in done.out + done.err


@pytest.mark.parametrize("command", [("check",), ("bulk", "--programme", "drip-credentials", "--yes")])
async def test_two_recipients_in_every_row_are_bad_rows_and_the_option_that_settles_it_is_named(
    tmp_path: Path, command: tuple[str, ...]
):
    one, two = members(2)
    write_csv(tmp_path / "p.csv", "discord_id,email,amount", f"{one},a@example.com,5", f"{two},b@example.com,5")
    variables = {**DRIP, "DRIP_REALM_ID": "a" * 24, "DRIP_CURRENCY_ID": "b" * 24}
    done = await bursar(command[0], "p.csv", *command[1:], directory=tmp_path, variables=variables)
    assert done.status == 1
    assert "Choose with --recipient-column: discord_id, email." in done.out + done.err
    decided = await check(tmp_path, "p.csv", "--recipient-column", "email")
    assert [row["recipient"]["value"] for row in decided.json["rows"]] == ["a@example.com", "b@example.com"]
    assert decided.json["choices"] == []


async def test_dangerous_times_are_warned_of_beside_the_file(tmp_path: Path):
    file = payout(tmp_path / "a.csv", 1)
    times = {"BURSAR_HTTP_TIMEOUT": "30", "BURSAR_SETTLE_AFTER": "10"}
    done = await bursar("check", str(file), "--json", directory=tmp_path, variables=times)
    assert (done.status, done.json["warnings"]) == (0, [])
    assert "BURSAR_SETTLE_AFTER (10 s) is below BURSAR_HTTP_TIMEOUT (30 s)" in done.err
    for command in (["resume", "--json"], ["bulk", str(file), "--programme", "gameball", "--json"]):
        done = await bursar(*command, directory=tmp_path, variables=times)
        assert "BURSAR_SETTLE_AFTER (10 s) is below BURSAR_HTTP_TIMEOUT (30 s)" in done.err


async def test_deductions_are_told_apart_from_what_is_given(tmp_path: Path):
    one, two = members(2)
    file = write_csv(tmp_path / "p.csv", "discord_id,amount", f"{one},10", f"{two},-5")
    done = await bursar("check", str(file), directory=tmp_path)
    assert "Good rows: 2 of 2, 10 points given, 5 points taken." in done.out


async def test_every_column_that_says_who_is_named(tmp_path: Path):
    (one,) = members(1)
    rows = (f"{one},,10", ",0x52908400098527886E0F7030069857D2E4169EE7,10")
    file = write_csv(tmp_path / "p.csv", "discord_id,wallet,amount", *rows)
    done = await bursar("check", str(file), directory=tmp_path)
    assert "who: discord_id or wallet; how much: amount\n" in done.out


async def test_a_file_with_two_signs_between_its_cells_is_told_what_to_look_at(tmp_path: Path):
    (one,) = members(1)
    file = write_csv(tmp_path / "p.csv", "discord_id;amount", f"{one},10")
    done = await bursar("check", str(file), directory=tmp_path)
    assert done.status == 1
    assert f"“{one},10” has more than who in it; put the amount into a cell of its own, between semicolons" in done.out
