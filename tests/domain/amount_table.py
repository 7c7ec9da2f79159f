"""Amounts as people and spreadsheets write them, and what each means. Written before the parser."""

from __future__ import annotations

POINTS_READ = [
    ("5", 5),
    ("0", 0),
    ("007", 7),
    ("-5", -5),
    ("+5", 5),
    ("− 5", -5),  # U+2212, the minus of typesetters
    ("–5", -5),  # an en dash, as word processors correct it
    ("－5", -5),  # full width
    ("  12\t", 12),
    ("1 250", 1250),
    ("1\u00a0250", 1250),  # no-break space
    ("1\u202f250 000", 1_250_000),  # narrow no-break space
    ("1'250", 1250),
    ("1’250’000", 1_250_000),
    ("1,234,567", 1_234_567),
    ("1.234.567", 1_234_567),
    ("1,250.00", 1250),
    ("1.250,0", 1250),
    ("5.0", 5),
    ("5,00", 5),
    ("0.000", 0),
    ("1234.000", 1234),  # four digits before the mark: no grouping
    ("9007199254740992", 2**53),
    ("-9007199254740992", -(2**53)),
]

MONEY_READ = [
    ("5", 500),
    ("12.5", 1250),
    ("12,50", 1250),
    ("-0.05", -5),
    (".5", 50),
    ("1.250,50", 125_050),
    ("1,250.5", 125_050),
    ("1 250,5", 125_050),
    ("1'250.50", 125_050),
    ("90071992547409.92", 2**53),
]

SETTLED = [
    # text, decimal mark that the rest of the file proves, points, money
    ("1,000", ".", 1000, 100_000),
    ("1.000", ",", 1000, 100_000),
    ("12.500", ",", 12_500, 1_250_000),
    ("1.000", ".", 1, None),  # one point with zeros; as money it has three decimals
    ("1.250", ".", None, None),
]

REFUSED = [
    # text, kind, a word that the sentence must have (both units)
    ("1.000", "ambiguous-amount", "1000"),
    ("1,000", "ambiguous-amount", "1000"),
    ("-12.500", "ambiguous-amount", "12500"),
    ("1e3", "bad-amount", "scientific"),
    ("1E+05", "bad-amount", "scientific"),
    ("1,5e3", "bad-amount", "scientific"),
    ("(50)", "bad-amount", "minus"),
    ("$5", "bad-amount", "only the number"),
    ("5 €", "bad-amount", "only the number"),
    ("50 points", "bad-amount", "only the number"),
    ("10%", "bad-amount", "only the number"),
    ("=A1*2", "bad-amount", "formula"),
    ("10.05.2026", "bad-amount", "date"),  # without separators that would be ten millions
    ("10.05.26", "bad-amount", "date"),
    ("2026-05-10", "bad-amount", "date"),
    ("12/5/2026 10:11:12", "bad-amount", "date"),
    ("05.Okt", "bad-amount", "date"),  # what Excel makes of 5.10
    ("1-May", "bad-amount", "date"),
    ("01. Mai", "bad-amount", "date"),
    ("10:30", "bad-amount", "time"),
    ("5 marks", "bad-amount", "only the number"),
    ("ten", "bad-amount", "not a number"),
    ("--5", "bad-amount", "not a number"),
    ("5-", "bad-amount", "not a number"),
    ("-", "bad-amount", "not a number"),
    ("5.", "bad-amount", "not a number"),
    ("٥", "bad-amount", "not a number"),  # an Arabic digit
    ("½", "bad-amount", "not a number"),
    ("1 25", "bad-amount", "groups"),
    ("1,00,000", "bad-amount", "groups"),
    ("1.234,567,890", "bad-amount", "groups"),
    ("1'234 567", "bad-amount", "groups"),
    ("0,123,456", "bad-amount", "groups"),
    ("1,2345,678", "bad-amount", "groups"),
    ("inf", "bad-amount", "not a number"),
    ("NaN", "bad-amount", "not a number"),
    ("", "bad-amount", "empty"),
    ("   ", "bad-amount", "empty"),
    ("90071992547409930", "over-limit", "large"),
    ("-90071992547409930", "over-limit", "large"),
    ("9" * 41, "over-limit", "large"),
    ("9" * 5000, "over-limit", "large"),
    ("1.23456e" + "9" * 100, "bad-amount", "scientific"),
]

POINTS_REFUSED = [
    ("12.5", "fraction", "whole"),
    ("0.500", "fraction", "whole"),
    ("1.250,50", "fraction", "whole"),
    ("1,5", "fraction", "whole"),
    ("9007199254740993", "over-limit", "large"),
]

MONEY_REFUSED = [
    ("1.2345", "fraction", "two decimals"),
    ("0.500", "fraction", "two decimals"),
    ("1234.500", "fraction", "two decimals"),
    ("1.250,500", "fraction", "two decimals"),
    ("90071992547409.93", "over-limit", "large"),
]

EVIDENCE = [
    # text, the decimal mark that it proves on its own
    ("1.250,50", ","),
    ("1,250.50", "."),
    ("12.5", "."),
    ("12,5", ","),
    ("0,500", ","),
    ("1,234,567", "."),
    ("1.234.567", ","),
    ("1 250,5", ","),
    ("1234,567", ","),
    ("-1,234,567", "."),
    ("1,000", None),
    ("1.000", None),
    ("1 000", None),
    ("1000", None),
    ("1,00,000", None),  # groups of two: no known layout, no proof
    ("1e3", None),
    ("ten", None),
    ("", None),
]

POSSIBLE = [
    # text, everything it may mean in points, in hundredths (None: no number in it)
    ("1010", (1010,), (101_000,)),
    ("1.010", (1010,), (101_000, 101)),
    ("5.000", (5, 5000), (500, 500_000)),
    ("1,100", (1100,), (110, 110_000)),
    ("5.000 Punkte", (5, 5000), (500, 500_000)),
    ("1010 Punkte", (1010,), (101_000,)),
    ("1010Punkte", (1010,), (101_000,)),
    ("€1.010,50", (), (101_050,)),
    ("1.010,00 €", (1010,), (101_000,)),
    ("Rs.1010", (1010,), (101_000,)),
    ("€ .5", (), (50,)),
    ("1 010,-", (1010, -1010), (101_000, -101_000)),
    ("12.5", (), (1250,)),
    ("-5 €", (-5,), (-500,)),
    ("-€5", (-5,), (-500,)),
    ("€ −5", (-5,), (-500,)),
    ("(50)", (50, -50), (5000, -5000)),
    ("Juli – 50", (50, -50), (5000, -5000)),
    ("0 Punkte", (0,), (0,)),
    ("1010 in 2 Zeilen", (1010, 2), (101_000, 200)),
    ("1 2. 3. 4. 5.", (), ()),
    ("1 25 Punkte", (), ()),
    ("1E+03", (), ()),
    ("1e3 Punkte", (), ()),
    ("9" * 41, (), ()),
    ("5k", None, None),
    ("1,2 K points", None, None),
    ("1.5M", None, None),
    ("12 Tsd.", None, None),
    ("3,5 tys. pkt", None, None),
    ("2 mil puntos", None, None),
    ("1万円", None, None),
    ("100 %", None, None),
    ("5 Kekse", (5,), (500,)),
    ("18014398509481984", (2**54,), (2**54 * 100,)),
    ("１٠1٠", (1010,), (101_000,)),
    ('="1010"', (1010,), (101_000,)),
    ("=SUM(B2:B3)", None, None),
    ("=600+410", None, None),
    ("#REF!", None, None),
    ("½", None, None),
    ("ten", None, None),
    ("", None, None),
]

SHOWN = [
    # smallest units, unit, canonical, display
    (0, "points", "0", "0"),
    (-5, "points", "-5", "-5"),
    (1203, "points", "1203", "1,203"),
    (0, "money", "0", "0.00"),
    (5, "money", "0.05", "0.05"),
    (-5, "money", "-0.05", "-0.05"),
    (1250, "money", "12.5", "12.50"),
    (1200, "money", "12", "12.00"),
    (-125_050, "money", "-1250.5", "-1,250.50"),
]
