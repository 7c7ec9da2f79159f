"""Rounded ids: found in every file that has them, in no file that has not. All ids come from seeds."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from bot.domain.intake import ReadingOptions, read
from bot.domain.intake.rounding import Mark, RoundingSurvey, mark_of
from bot.domain.model import Problem

pytestmark = pytest.mark.no_cover

DECIMAL, BINARY, SHORTEST = Mark.DECIMAL, Mark.BINARY, Mark.SHORTEST
EPOCH_MS = 1_420_070_400_000


def excel(number):
    """15 digits, then zeros."""
    return int(f"{number:.14e}".split("e")[0].replace(".", "")) * 10 ** (len(str(number)) - 15)


def exact_float(number):
    return int(float(number))


def short_float(number):
    return int(Decimal(repr(float(number))))


def any_counter(chance, since=2017, until=2026):
    """An id as a busy Discord makes them: any counter."""
    return snowflake(chance, since, until, chance.randrange(4096))


def small_counter(chance, since=2019, until=2026):
    """As seen on well-known accounts: 0 in a third, else small."""
    return snowflake(chance, since, until, 0 if chance.random() < 0.35 else chance.randrange(1, 25))


def snowflake(chance, since, until, counter):
    milliseconds = chance.randrange(int((since - 2015) * 31_557_600_000), int((until - 2015) * 31_557_600_000))
    return milliseconds << 22 | chance.randrange(4) << 17 | chance.randrange(3) << 12 | counter


def verdict(numbers, discord=True):
    survey = RoundingSurvey(discord=discord)
    for number in numbers:
        survey.see(str(number))
    return survey.verdict()


MARKS = [
    ("123456789012345600", BINARY),  # two zeros on 18 digits: more than Excel keeps
    ("123456789012345000", DECIMAL),
    ("12345678901234500", DECIMAL),
    ("1234567890123450000", DECIMAL),
    ("1234567890123456789", None),
    ("1234567890123456768", BINARY),  # what C prints for 1234567890123456789.0
    ("1234567890123456800", SHORTEST),  # what JavaScript prints
    ("318427659021348871", None),
    ("318427659021348864", BINARY),
    ("318427659021348860", SHORTEST),
    ("98765432109876540", None),  # 17 digits name any float of this size
    ("419430400000000000", BINARY),  # nothing but a time in round milliseconds
    ("9876543210987654", None),  # 16 digits
    ("60000000000000001", None),
    ("60000000000000008", None),  # a multiple of 8: below what tells anything
]


@pytest.mark.parametrize(("digits", "mark"), MARKS)
def test_the_mark_on_one_id(digits, mark):
    assert mark_of(digits, int(digits)) == mark


@pytest.mark.parametrize("source", [any_counter, small_counter])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 10, 30, 100, 300, 1000])
def test_undamaged_files_are_left_alone(source, size):
    wrong = [seed for seed in range(4000 // (20 + size)) if verdict(sample(source, seed, size)).established]
    assert wrong == [], "at 1 in 100,000 not one of 200 seeds or fewer"


def sample(source, seed, size, **years: int):
    chance = random.Random(f"{seed} {size}")  # noqa: S311 - reproducible, not secret
    return [source(chance, **years) for _ in range(size)]


def test_ids_of_the_first_years_are_left_alone_although_nearly_all_are_multiples():
    for seed in range(100):
        chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
        old = [snowflake(chance, 2015.9, 2016.9, 0) for _ in range(100)]
        assert all(mark_of(str(number), number) in (BINARY, DECIMAL) for number in old)
        assert not verdict(old).established


def test_made_up_ids_without_worker_and_counter_say_nothing():
    assert not verdict([(10**11 + number * 86_400_000) << 22 for number in range(500)]).established


@pytest.mark.parametrize(
    "damage,mark,least", [(excel, DECIMAL, 4), (exact_float, BINARY, 5), (short_float, SHORTEST, 10)]
)
@pytest.mark.parametrize("size", [5, 20, 1000])
def test_a_damaged_file_is_always_found(damage, mark, least, size):
    for seed in range(50):
        numbers = [damage(number) for number in sample(any_counter, seed, max(size, least), since=2019)]
        assert mark in verdict(numbers).established


@pytest.mark.parametrize(
    ("damage", "mark", "size", "since", "until"),
    [(excel, DECIMAL, 2, 2015.5, 2015.7), (exact_float, BINARY, 3, 2016.2, 2017), (exact_float, BINARY, 3, 2019, 2026)],
)
def test_a_list_of_two_or_three_is_found_when_nothing_in_it_is_whole(damage, mark, size, since, until):
    for seed in range(50):
        damaged = [damage(number) for number in sample(any_counter, seed, 40, since=since, until=until)]
        plain = [number for number in damaged if mark_of(str(number), number) is mark and number & 0xFFF]
        assert mark in verdict(plain[:size]).established


def test_a_float_that_left_only_counters_of_zero_is_found():
    for seed in range(50):
        numbers = [exact_float(number) for number in sample(small_counter, seed, 40)]
        assert BINARY in verdict(numbers).established


@pytest.mark.parametrize("damage,mark", [(excel, DECIMAL), (exact_float, BINARY), (short_float, SHORTEST)])
def test_a_part_of_a_file_that_was_damaged_is_found(damage, mark):
    for seed in range(50):
        numbers = sample(any_counter, seed, 1000, since=2019)
        numbers[100:160] = [damage(number) for number in numbers[100:160]]
        assert mark in verdict(numbers).established


def test_one_rounded_looking_id_proves_nothing_however_often_it_is_there():
    others = sample(any_counter, 1, 50)
    assert not verdict([123456789012345000]).established
    assert not verdict([123456789012345000] * 500).established
    assert not verdict([*others, *[123456789012345000] * 500]).established


def test_members_who_are_in_a_damaged_file_many_times_hide_nothing():
    numbers = [exact_float(number) for number in sample(any_counter, 1, 12, since=2019)]
    assert BINARY in verdict(numbers * 100).established


def test_a_lone_suspect_is_named_and_not_refused():
    found = verdict([*sample(any_counter, 3, 4), 1103345678901230000])
    assert DECIMAL in found.suspected and not found.established
    assert found
    assert not verdict(sample(any_counter, 3, 4))
    assert not verdict([])


def test_memory_stays_bounded_and_the_verdict_right_at_a_hundred_thousand_ids():
    numbers = sample(any_counter, 5, 20_000, since=2019)
    assert not verdict(numbers).established
    assert verdict([excel(number) for number in numbers]).established == {DECIMAL}


def test_other_ids_than_discords_are_judged_without_its_counters():
    zero_counters = [snowflake(random.Random(seed), 2019, 2026, 0) for seed in range(60)]  # noqa: S311 # repeatable
    assert BINARY in verdict(zero_counters).established
    assert not verdict(zero_counters, discord=False).established


# --- in a file -----------------------------------------------------------------------------------------------------


def through(numbers):
    content = "discord_id,amount\n" + "".join(f"{number},5\n" for number in numbers)
    reading = read(content.encode(), ReadingOptions(now_ms=1_785_000_000_000))
    entries = list(reading.entries())
    return entries, reading.finish()


def test_every_id_with_the_mark_is_a_problem_once_damage_is_established():
    numbers = sample(any_counter, 2, 200, since=2019)
    numbers[50:80] = [excel(number) for number in numbers[50:80]]
    entries, ending = through(numbers)
    bad = [entry for entry in entries if isinstance(entry, Problem)]
    assert [problem.line for problem in bad] == list(range(52, 82))
    assert {(problem.column, problem.kind) for problem in bad} == {("discord_id", "damaged-id")}
    assert all("15 digits" in problem.message and "format the column as text" in problem.message for problem in bad)
    assert max(len(problem.message) for problem in bad) <= 160
    assert (ending.rows, ending.problems) == (170, 30)


def test_floats_are_told_as_such():
    for damage in (exact_float, short_float):
        entries, _ = through([damage(number) for number in sample(any_counter, 1, 20, since=2019)])
        assert all(isinstance(entry, Problem) and "rounded as a number" in entry.message for entry in entries)
        assert max(len(entry.message) for entry in entries) <= 160


def test_a_suspect_is_one_warning_with_its_line():
    entries, ending = through([*sample(any_counter, 3, 4), 1103345678901230000])
    assert not any(isinstance(entry, Problem) for entry in entries)
    assert [(warning.kind, warning.lines) for warning in ending.warnings] == [("suspected-rounding", (6,))]


def test_customer_ids_that_are_rounded_discord_ids_are_found():
    numbers = [excel(number) for number in sample(any_counter, 1, 30)]
    content = "customer_id,amount\n" + "".join(f"{number},5\n" for number in numbers)
    entries = list(read(content.encode(), ReadingOptions()).entries())
    assert all(isinstance(entry, Problem) and entry.kind == "damaged-id" for entry in entries)
