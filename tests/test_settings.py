"""Settings: what is read from where, what is refused, and in which words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.domain.model import Programme, ProviderKind, Unit
from bot.errors import SettingsError
from bot.settings import Settings
from bot.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[1]
REALM = "0123456789abcdef01234567"
DRIP = {"DRIP_API_KEY": "drip-secret", "DRIP_REALM_ID": REALM, "DRIP_CURRENCY_ID": "cur1"}
GAMEBALL = {"GAMEBALL_API_KEY": "game-key", "GAMEBALL_SECRET_KEY": "game-secret", "GAMEBALL_AMOUNT_UNIT": "points"}
MEMBER = "123456789012345678"


def load(environ: Mapping[str, str], directory: Path, env_file: str | None = None) -> Settings:
    if env_file is not None:
        (directory / ".env").write_text(env_file, encoding="utf-8")
    return Settings.load(environ, directory)


def complaint(environ: Mapping[str, str], directory: Path, env_file: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ, directory, env_file)
    return caught.value.message


def programmes(environ: Mapping[str, str], directory: Path) -> dict[str, Programme]:
    return {programme.name: programme for programme in load(environ, directory).programmes()}


class TestSources:
    def test_without_anything_the_defaults_of_the_contract_hold(self, tmp_path: Path):
        settings = load({}, tmp_path)
        assert settings.discord_token is None
        assert settings.server_ids is None
        assert settings.programmes() == ()
        assert settings.database == tmp_path / "bursar.db"
        assert (settings.http_timeout, settings.settle_after, settings.job_wait) == (60, 120, 900)
        assert (settings.max_rows, settings.max_file_bytes) == (100_000, 10_000_000)
        assert (settings.max_award, settings.max_batch) == (None, None)

    def test_the_process_environment_beats_the_file(self, tmp_path: Path):
        settings = load({"BURSAR_MAX_ROWS": "7"}, tmp_path, "BURSAR_MAX_ROWS=5\nBURSAR_JOB_WAIT=3\n")
        assert (settings.max_rows, settings.job_wait) == (7, 3)

    def test_an_empty_value_is_no_value_in_either_place(self, tmp_path: Path):
        settings = load({"BURSAR_MAX_ROWS": "", "DRIP_API_KEY": " "}, tmp_path, "BURSAR_MAX_ROWS=5\nBURSAR_JOB_WAIT=\n")
        assert (settings.max_rows, settings.job_wait) == (5, 900)
        assert settings.drip == ()

    def test_values_of_the_file_are_taken_as_written(self, tmp_path: Path):
        settings = load({"HOME": "/root"}, tmp_path, "\ufeffexport DISCORD_TOKEN='a${HOME}$b' # the bot\n")
        assert settings.discord_token == "a${HOME}$b"

    def test_a_line_that_is_no_setting_is_named(self, tmp_path: Path):
        message = complaint({}, tmp_path, "BURSAR_MAX_ROWS=5\nBURSAR_JOB_WAIT='3\n")
        assert "line 2" in message

    @pytest.mark.parametrize("line", ["BURSAR_JOB_WAIT 3", "BURSAR_JOB_WAIT", "DRIP_API_KEY__EVENTS"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_the_line_is_counted_with_the_blank_ones_above_it(self, tmp_path: Path, line: str, end: str):
        message = complaint({}, tmp_path, f"BURSAR_MAX_ROWS=5{end}{end}# waiting{end}{end}  {line}{end}")
        assert "at line 5: write NAME=value" in message

    def test_a_name_of_another_program_may_stand_there_without_a_value(self, tmp_path: Path):
        assert load({}, tmp_path, "export PATH\nBURSAR_MAX_ROWS=5\n").max_rows == 5

    def test_an_empty_line_takes_nothing_back_that_another_one_sets(self, tmp_path: Path):
        settings = load({}, tmp_path, "BURSAR_MAX_AWARD=5\nBURSAR_MAX_ROWS=7\nBURSAR_MAX_AWARD=\nBURSAR_MAX_ROWS=''\n")
        assert (settings.max_award, settings.max_rows) == ("5", 7)

    def test_one_setting_with_two_values_is_refused_with_both_lines(self, tmp_path: Path):
        message = complaint({}, tmp_path, "DRIP_API_KEY=s3cret\n\nBURSAR_MAX_ROWS=7\nDRIP_API_KEY=0ther\n")
        assert "DRIP_API_KEY stands in line 1 and, otherwise, in line 4" in message
        assert "s3cret" not in message and "0ther" not in message
        assert load({}, tmp_path, "BURSAR_MAX_ROWS=7\nBURSAR_MAX_ROWS='7'\nFOO=1\nFOO=2\n").max_rows == 7

    def test_a_file_in_another_encoding_is_refused(self, tmp_path: Path):
        (tmp_path / ".env").write_bytes("BURSAR_MAX_ROWS=5\n".encode("utf-16"))
        assert "not UTF-8" in complaint({}, tmp_path)

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path):
        (tmp_path / ".env").mkdir()
        assert str(tmp_path / ".env") in complaint({}, tmp_path)

    def test_the_example_file_names_every_variable_and_means_the_defaults(self, tmp_path: Path):
        text = (ROOT / ".env.example").read_text(encoding="utf-8")
        named = re.findall(r"^([A-Z_]+)=", text, flags=re.MULTILINE)
        assert named == [variable.name for variable in VARIABLES]
        before = load({}, tmp_path)
        assert load({}, tmp_path, text) == before

    def test_every_variable_of_the_example_file_has_a_comment_above_it(self):
        above = ""
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
            if re.match(r"[A-Z_]+=", line):
                assert above.startswith("# "), line
            above = line


class TestSpelling:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("DRIP_REALMID", "DRIP_REALM_ID"),
            ("DRIP_APIKEY", "DRIP_API_KEY"),
            ("GAMEBALL_SECRT_KEY__EVENTS", "GAMEBALL_SECRET_KEY__EVENTS"),
            ("BURSAR_MAX_ROW", "BURSAR_MAX_ROWS"),
            ("DISCORD_TOKN", "DISCORD_TOKEN"),
            ("DRIP_API_KEY_EVENTS", "DRIP_API_KEY__EVENTS"),
            ("bursar_max_award", "BURSAR_MAX_AWARD"),
            ("Drip_Api_Key__events", "DRIP_API_KEY__events"),
            ("discord_tokn", "DISCORD_TOKEN"),
        ],
    )
    def test_a_misspelt_name_is_an_error_that_says_what_was_meant(self, tmp_path: Path, name: str, meant: str):
        assert f"{name}: did you mean {meant}?" in complaint({name: "x"}, tmp_path)

    def test_a_misspelt_name_without_a_value_is_nobodys_business(self, tmp_path: Path):
        load({"DRIP_REALMID": ""}, tmp_path)

    def test_a_name_that_resembles_nothing_of_ours_is_left_alone(self, tmp_path: Path):
        load({"DRIP_FEED": "x", "DISCORD_CHANNEL_LIST": "y", "PATH": "z"}, tmp_path)

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("BURSAR_DB", "BURSAR_DATABASE"),
            ("BURSAR_TIMEOUT", "BURSAR_HTTP_TIMEOUT"),
            ("BURSAR_SETTLE_SECONDS", "BURSAR_SETTLE_AFTER"),
            ("BURSAR_DB__EVENTS", "BURSAR_DATABASE"),
            ("DRIP_KEY", "DRIP_API_KEY"),
            ("DRIP_KEY__events", "DRIP_API_KEY__EVENTS"),
            ("DRIP__api_key", "DRIP_API_KEY"),
            ("BURSAR__DB", "BURSAR_DATABASE"),
            ("GAMEBALL_UNIT", "GAMEBALL_AMOUNT_UNIT"),
        ],
    )
    def test_a_name_that_begins_like_ours_and_is_none_is_told_with_the_nearest(
        self, tmp_path: Path, name: str, nearest: str
    ):
        found = load({name: "x", "DISCORD_CHANNEL_LIST": "y"}, tmp_path, f"{name}=y\n{name}2=\n").strangers
        assert [(one.name, one.nearest) for one in found] == [(name, nearest)]

    def test_accounts_of_any_name_are_no_strangers(self, tmp_path: Path):
        named = {f"{key}__{suffix}": value for key, value in DRIP.items() for suffix in ("2", "EVENTS", "Summer_26")}
        assert load({**DRIP, **GAMEBALL, **named}, tmp_path).strangers == ()

    def test_a_setting_of_the_whole_program_takes_no_suffix(self, tmp_path: Path):
        assert "takes no suffix" in complaint({"BURSAR_MAX_ROWS__EVENTS": "5"}, tmp_path)

    @pytest.mark.parametrize("name", ["DRIP_API_KEY__", "DRIP_API_KEY__A__B", "DRIP_API_KEY__A-B"])
    def test_a_suffix_is_a_name(self, tmp_path: Path, name: str):
        assert "comes a name" in complaint({name: "x"}, tmp_path)

    def test_one_setting_spelt_twice_is_refused(self, tmp_path: Path):
        assert "same setting" in complaint({"DRIP_API_KEY__A": "x", "DRIP_API_KEY__a": "y"}, tmp_path)


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("BURSAR_SERVER_IDS", "123"),
            ("BURSAR_SERVER_IDS", ","),
            ("BURSAR_SERVER_IDS", f"{MEMBER};{MEMBER}"),
            ("DRIP_REALM_ID", "not-a-realm"),
            ("DRIP_REALM_ID", REALM + "0"),
            ("DRIP_API_KEY", "two words"),
            ("DRIP_CURRENCY_ID", "two words"),
            ("DRIP_RATE_PLAN", "gold"),
            ("DRIP_CREDENTIALS_BATCH_SIZE", "0"),
            ("DRIP_CREDENTIALS_BATCH_SIZE", "-1"),
            ("DRIP_CREDENTIALS_BATCH_SIZE", "1.5"),
            ("DRIP_CREDENTIALS_BATCH_SIZE", "9" * 30),
            ("DRIP_MEMBERS_BATCH_SIZE", "101"),
            ("DRIP_UNRESOLVED", "drop"),
            ("DRIP_BASE_URL", "http://api.drip.re"),
            ("DRIP_BASE_URL", "https://api.drip.re/api/v1"),
            ("DRIP_BASE_URL", "https://user:pass@api.drip.re"),
            ("DRIP_BASE_URL", "https://api.drip.re:99999"),
            ("DRIP_BASE_URL", "https://"),
            ("DRIP_BASE_URL", "http://127.0.0.1.example.org"),
            ("DRIP_BASE_URL", "ftp://127.0.0.1"),
            ("GAMEBALL_AMOUNT_UNIT", "euros"),
            ("GAMEBALL_BATCH_SIZE", "1001"),
            ("GAMEBALL_STATUS_CONTRACT", "c"),
            ("GAMEBALL_CUSTOMER_ID_TEMPLATE", "member"),
            ("GAMEBALL_CUSTOMER_ID_TEMPLATE", "{discord_id}-{discord_id}"),
            ("GAMEBALL_CUSTOMER_ID_TEMPLATE", "{name}-{discord_id}"),
            ("BURSAR_DATABASE", "."),
            ("BURSAR_DATABASE", "no/such/folder/bursar.db"),
            ("BURSAR_DATABASE", "x" * 300),
            ("BURSAR_DATABASE", "/dev/null"),  # no file, though something is there
            ("BURSAR_HTTP_TIMEOUT", "0"),
            ("BURSAR_HTTP_TIMEOUT", "inf"),
            ("BURSAR_SETTLE_AFTER", "nan"),
            ("BURSAR_JOB_WAIT", "15m"),
            ("BURSAR_MAX_ROWS", "1e5"),
            ("BURSAR_MAX_FILE_BYTES", "10 MB"),
            ("BURSAR_MAX_AWARD", "0"),
            ("BURSAR_MAX_AWARD", "-5"),
            ("BURSAR_MAX_BATCH", "1e6"),
        ],
    )
    def test_a_wrong_value_is_refused_by_name_with_what_it_may_be_and_never_repeated(
        self, tmp_path: Path, name: str, value: str
    ):
        message = complaint({**DRIP, **GAMEBALL, name: value}, tmp_path)
        variable = next(variable for variable in VARIABLES if variable.name == name)
        assert message == f"{name} is {variable.meaning}. It must be {variable.allowed}."

    def test_a_link_is_no_ledger_where_the_folder_that_it_leads_to_is_not_there(self, tmp_path: Path):
        """As when the disk with the ledger is not mounted: nothing is known then, least of all that all is finished."""
        (tmp_path / "bursar.db").symlink_to(tmp_path / "disk" / "bursar.db")
        for values in (DRIP, {**DRIP, "BURSAR_DATABASE": "bursar.db"}):
            assert complaint(values, tmp_path).startswith("BURSAR_DATABASE is the ledger's file.")
        (tmp_path / "disk").mkdir()
        assert load(DRIP, tmp_path).database == tmp_path / "bursar.db"

    @pytest.mark.parametrize("name", ["GAMEBALL_API_KEY_", "DRIP_API_KEY__", "BURSAR_"])
    def test_a_text_in_the_place_of_a_name_is_told_by_its_beginning(self, tmp_path: Path, name: str):
        text = name + "[" * 3000
        message = complaint({text: "5"}, tmp_path)
        assert message == f"{text[:100]}…: no setting has a name of {len(text):,} characters."
        (tmp_path / ".env").write_text(f"{text}=5\n{text}=6\n", encoding="utf-8")
        assert len(complaint({}, tmp_path)) < 400

    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:8080",
            "http://127.0.0.1:9",
            "http://127.9.9.9/x/",
            "http://[::1]:80",
            "https://a.example/drip",
        ],
    )
    def test_http_is_for_this_machine_only(self, tmp_path: Path, url: str):
        assert load({**DRIP, "DRIP_BASE_URL": url}, tmp_path).drip[0].base_url == url.rstrip("/")

    def test_choices_are_read_without_case(self, tmp_path: Path):
        settings = load({**DRIP, "DRIP_RATE_PLAN": "Enterprise", "DRIP_UNRESOLVED": "CREDENTIALS"}, tmp_path)
        assert (settings.drip[0].rate_plan, settings.drip[0].unresolved) == ("enterprise", "credentials")

    def test_servers_are_a_list(self, tmp_path: Path):
        ids = {MEMBER, "223456789012345678"}
        assert load({"BURSAR_SERVER_IDS": " , ".join(ids) + ","}, tmp_path).server_ids == ids

    def test_limits_are_kept_as_written(self, tmp_path: Path):
        settings = load({"BURSAR_MAX_AWARD": "12.50", "BURSAR_MAX_BATCH": "100000"}, tmp_path)
        assert (settings.max_award, settings.max_batch) == ("12.50", "100000")

    @pytest.mark.parametrize("name", ["BURSAR_MAX_AWARD", "BURSAR_MAX_BATCH"])
    @pytest.mark.parametrize("accounts", [DRIP, {**DRIP, **GAMEBALL, "GAMEBALL_AMOUNT_UNIT": "points"}])
    def test_a_limit_with_a_fraction_is_refused_where_everybody_counts_whole_points(
        self, tmp_path: Path, name: str, accounts: dict[str, str]
    ):
        message = complaint({**accounts, name: "1.5"}, tmp_path)
        assert message.startswith(f"{name} is the largest ")
        assert "It must be a whole number such as 500, since every programme" in message
        assert load({**accounts, name: "500"}, tmp_path).dangers() == ()

    @pytest.mark.parametrize("unit", ["money", ""])
    def test_where_some_amounts_may_have_a_fraction_who_cannot_use_such_a_limit_is_named(
        self, tmp_path: Path, unit: str
    ):
        gameball = {**GAMEBALL, "GAMEBALL_AMOUNT_UNIT": unit, "BURSAR_MAX_AWARD": "1.5"}
        assert load(gameball, tmp_path).dangers() == ()
        (danger,) = load({**DRIP, **gameball}, tmp_path).dangers()
        assert danger.startswith(
            "BURSAR_MAX_AWARD has a fraction, and drip-credentials and drip-members cannot be used"
        )

    def test_a_program_for_copies_that_nobody_makes_is_told(self, tmp_path: Path):
        (danger,) = load({"BURSAR_BACKUP_COMMAND": "scp"}, tmp_path).dangers()
        assert danger.startswith("BURSAR_BACKUP_COMMAND is set, but BURSAR_BACKUP_DIR is not")
        assert load({"BURSAR_BACKUP_COMMAND": "scp", "BURSAR_BACKUP_DIR": str(tmp_path)}, tmp_path).dangers() == ()

    def test_no_secret_is_in_the_representation(self, tmp_path: Path):
        settings = load({**DRIP, **GAMEBALL, "DISCORD_TOKEN": "bot-token"}, tmp_path)
        shown = repr(settings)
        assert settings.secrets() == ("bot-token", "drip-secret", "game-key", "game-secret")
        assert not any(secret in shown for secret in settings.secrets())


class TestAccounts:
    def test_drip_keys_make_both_drip_programmes(self, tmp_path: Path):
        found = programmes({**DRIP, "DRIP_CREDENTIALS_BATCH_SIZE": "40", "DRIP_MEMBERS_BATCH_SIZE": "50"}, tmp_path)
        assert list(found) == ["drip-credentials", "drip-members"]
        credentials, members = found.values()
        assert (credentials.awards_per_call, members.awards_per_call) == (40, 50)
        assert credentials.kind is ProviderKind.DRIP_CREDENTIALS
        assert members.destination.account == REALM
        assert members.destination.currency == "cur1"
        assert members.unit is Unit.POINTS
        assert members.destination.template is None
        assert members.unusable is None

    def test_the_gameball_account_is_a_fingerprint_of_its_key(self, tmp_path: Path):
        (programme,) = load({**GAMEBALL, "GAMEBALL_AMOUNT_UNIT": "money"}, tmp_path).programmes()
        assert programme.name == "gameball"
        assert programme.destination.account == hashlib.sha256(b"game-key").hexdigest()[:16]
        assert programme.unit is Unit.MONEY
        assert programme.destination.template == "{discord_id}"
        assert programme.awards_per_call == 1000

    def test_a_programme_without_its_currency_or_unit_says_so(self, tmp_path: Path):
        environ = {**DRIP, **GAMEBALL, "DRIP_CURRENCY_ID": "", "GAMEBALL_AMOUNT_UNIT": ""}
        found = programmes(environ, tmp_path)
        assert "DRIP_CURRENCY_ID" in (found["drip-members"].unusable or "")
        assert "GAMEBALL_AMOUNT_UNIT" in (found["gameball"].unusable or "")

    def test_a_second_account_has_its_own_settings_and_inherits_base_urls_only(self, tmp_path: Path):
        second = {"DRIP_API_KEY__EVENTS": "other", "DRIP_REALM_ID__EVENTS": "f" * 24}
        environ = {**DRIP, **second, "DRIP_BASE_URL": "http://127.0.0.1:1", "DRIP_RATE_PLAN": "pro"}
        settings = load(environ, tmp_path)
        first, events = settings.drip
        assert (events.suffix, events.api_key, events.realm_id) == ("events", "other", "f" * 24)
        assert (events.base_url, events.rate_plan, events.currency_id) == (first.base_url, "free", None)
        names = [programme.name for programme in settings.programmes()]
        assert names == ["drip-credentials", "drip-members", "drip-credentials-events", "drip-members-events"]
        unusable = settings.programmes()[-1].unusable or ""
        assert "DRIP_CURRENCY_ID__EVENTS" in unusable

    def test_a_second_account_may_stand_alone_and_have_its_own_url(self, tmp_path: Path):
        environ = {f"{name}__X1": value for name, value in GAMEBALL.items()}
        environ |= {"GAMEBALL_BASE_URL": "https://a.example", "GAMEBALL_BASE_URL__X1": "https://b.example"}
        (account,) = load(environ, tmp_path).gameball
        assert (account.suffix, account.base_url) == ("x1", "https://b.example")

    @pytest.mark.parametrize("missing", ["DRIP_API_KEY", "DRIP_REALM_ID", "GAMEBALL_API_KEY", "GAMEBALL_SECRET_KEY"])
    def test_half_an_account_is_an_error(self, tmp_path: Path, missing: str):
        environ = {name: value for name, value in {**DRIP, **GAMEBALL}.items() if name != missing}
        assert complaint(environ, tmp_path).startswith(f"{missing} is not set, but ")

    def test_settings_of_a_named_account_that_does_not_exist_are_an_error(self, tmp_path: Path):
        message = complaint({**DRIP, "DRIP_CURRENCY_ID__EVNTS": "c"}, tmp_path)
        assert message.startswith("DRIP_CURRENCY_ID__EVNTS is set, but there is no account of that name")

    def test_settings_of_the_unnamed_account_may_wait_for_their_keys(self, tmp_path: Path):
        assert load({"DRIP_CURRENCY_ID": "c", "GAMEBALL_AMOUNT_UNIT": "points"}, tmp_path).programmes() == ()


class TestCustomerMap:
    def load_map(self, directory: Path, content: str | bytes) -> Settings:
        data = content if isinstance(content, bytes) else content.encode()
        (directory / "map.csv").write_bytes(data)
        return load({**GAMEBALL, "GAMEBALL_CUSTOMER_MAP": "map.csv"}, directory)

    def test_the_map_is_read_and_its_fingerprint_stands_in_the_destination(self, tmp_path: Path):
        settings = self.load_map(tmp_path, f"Discord_ID,customer_id,name\n{MEMBER}, c1 ,Ada\n\n2{MEMBER},c2,\n")
        assert settings.gameball[0].customer_map == {MEMBER: "c1", f"2{MEMBER}": "c2"}
        (programme,) = settings.programmes()
        assert re.fullmatch(r"map:[0-9a-f]{12}", programme.destination.template or "")

    def test_the_fingerprint_is_of_the_content_and_not_of_its_spelling(self, tmp_path: Path):
        rows = [f"{MEMBER},c1", f"2{MEMBER},c2"]
        one = self.load_map(tmp_path, "discord_id,customer_id\n" + "\n".join(rows))
        other = self.load_map(tmp_path, b"\xef\xbb\xbf" + "\r\n".join(["discord_id,customer_id", *rows[::-1]]).encode())
        different = self.load_map(tmp_path, "discord_id,customer_id\n" + rows[0])
        assert one.programmes() == other.programmes()
        assert one.programmes() != different.programmes()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (
                f"discord_id,customer_id\n{MEMBER},c1\n{MEMBER},c2\n",
                "line 3 of .* names the Discord id of line 2 again",
            ),
            ("discord_id,customer_id\n123,c1\n", "line 2 of .* no Discord id"),
            ("discord_id,customer_id\n1.23457E+17,c1\n", "line 2 of .* no Discord id"),
            (f"discord_id,customer_id\n{MEMBER},\n", "line 2 of .* no usable customer id"),
            (f'discord_id,customer_id\n{MEMBER},"a\nb"\n', "line 2 of .* no usable customer id"),
            (f'discord_id,customer_id\n{MEMBER},"c1\n', "is not CSV"),
            (f"discord_id,customer_id\n{MEMBER},c1,more\n", "line 2 of .* does not have 2 columns"),
            ("id,customer\n", "first line"),
            ("discord_id,customer_id,discord_id\n", "first line"),
            ("discord_id,customer_id\n", "no rows"),
            ("", "first line"),
            (b"\xff\xfe\x00", "not UTF-8"),
        ],
    )
    def test_a_wrong_map_is_refused_with_its_line(self, tmp_path: Path, content: str | bytes, reason: str):
        with pytest.raises(SettingsError, match=reason) as caught:
            self.load_map(tmp_path, content)
        assert caught.value.message.startswith("GAMEBALL_CUSTOMER_MAP: ")

    def test_a_map_that_is_not_there_is_named(self, tmp_path: Path):
        message = complaint({**GAMEBALL, "GAMEBALL_CUSTOMER_MAP": "none.csv"}, tmp_path)
        assert "none.csv cannot be read" in message

    def test_map_and_template_exclude_each_other(self, tmp_path: Path):
        (tmp_path / "map.csv").write_text(f"discord_id,customer_id\n{MEMBER},c1\n")
        environ = {**GAMEBALL, "GAMEBALL_CUSTOMER_MAP": "map.csv", "GAMEBALL_CUSTOMER_ID_TEMPLATE": "d-{discord_id}"}
        assert "set only one of them" in complaint(environ, tmp_path)


class TestPractice:
    def test_practice_reaches_no_real_account(self, tmp_path: Path):
        environ = {
            **DRIP,
            **GAMEBALL,
            "DRIP_API_KEY__EVENTS": "k",
            "DRIP_REALM_ID__EVENTS": REALM,
            "BURSAR_MAX_ROWS": "9",
            "BURSAR_BACKUP_DIR": str(tmp_path),
            "BURSAR_BACKUP_COMMAND": "scp",
        }
        keys = {"DRIP_API_KEY": "standin", "DRIP_REALM_ID": "e" * 24, "DRIP_BASE_URL": "http://127.0.0.1:1"}
        settings = Settings.load_practice(environ, tmp_path, tmp_path / "p.db", keys)
        assert [account.api_key for account in settings.drip] == ["standin"]
        assert settings.gameball == ()
        assert (settings.database, settings.max_rows) == (tmp_path / "p.db", 9)
        assert (settings.backup_dir, settings.backup_command) == (None, ())


PLACE, OTHER_PLACE = "a" * 24, "b" * 24


def test_places_of_the_operator_belong_to_the_programme_that_uses_them(tmp_path: Path) -> None:
    more = {
        "DRIP_RING": f"{PLACE},{OTHER_PLACE}",
        "DRIP_WITNESS": f"{PLACE}:{'c' * 24}",
        "DRIP_TWINS": "custom:bursar:a,custom:bursar:b",
    }
    found = programmes({**DRIP, **more}, tmp_path)
    assert [course.kind.value for course in found["drip-members"].courses] == ["ring", "witness"]
    assert [course.kind.value for course in found["drip-credentials"].courses] == ["twins"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRIP_RING", PLACE),
        ("DRIP_RING", f"{PLACE},{PLACE}"),
        ("DRIP_WITNESS", "somebody"),
        ("DRIP_TWINS", "custom:bursar:a"),
    ],
)
def test_places_that_cannot_be_read_are_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        load({**DRIP, name: value}, tmp_path)


def test_a_witness_is_no_place_of_a_ring(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DRIP_WITNESS"):
        load({**DRIP, "DRIP_RING": f"{PLACE},{OTHER_PLACE}", "DRIP_WITNESS": PLACE}, tmp_path)
