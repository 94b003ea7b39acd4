"""A notice in words: both languages, every field, missing fields, limits in bytes, what a stranger's text cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.notices import Item, Notice, Reader, Templates
from steward.notices.model import Spent
from steward.notices.wording import PLACEHOLDERS, WORDS, cut, fill, number, one_line, span, unknown, write
from steward.units import DAY, HOUR, MINUTE, SECOND

NOW = 1_795_500_000 * SECOND  # 2026-11-24 06:00 UTC, 14:00 in Shanghai
ENGLISH = Reader("en", "UTC", {"en": "Campus", "zh": "行政中心"}, "https://steward.example.org/")
CHINESE = Reader("zh", "Asia/Shanghai", {"en": "Campus", "zh": "行政中心"}, "https://steward.example.org")
BARE = Item("b1", "hot", "threshold", "low", "firing", "a.p", {}, NOW - 90 * SECOND, NOW)


def item(id: str = "a1", **more: Any) -> Item:
    """A leak with every field."""
    values: dict[str, Any] = {
        "id": id, "rule": "leak", "kind": "leak", "severity": "high", "status": "firing", "target": "a.water",
        "title": {"en": "Block A leaks", "zh": "A座漏水"}, "since": NOW - HOUR, "at": NOW,
        "why": {"en": "Never zero at night", "zh": "夜间流量未归零"}, "check": {"en": "Toilets", "zh": "查卫生间"},
        "where": {"en": "Block A › Plant", "zh": "A座 › 冷站"}, "value": {"en": "0.4 m³/h", "zh": "0.4立方米每小时"},
        "site": "a", "fired": NOW - HOUR, "money": 1234.5, "per_day": 300.0, "currency": "CNY", "energy": 25_000_000.0,
        "volume": 0.4,
    }  # fmt: skip
    return Item(**{**values, **more})


def notice(*items: Item, what: Any = "alerts", **more: Any) -> Notice:
    return Notice("k", what, "c", "", "r", NOW, items, **more)


def test_every_field_of_an_alert_stands_in_the_english_text_once() -> None:
    words = write(notice(item()), ENGLISH)
    assert words.subject == "[high] Block A leaks"
    assert words.text.split("\n") == [
        "[high] Block A leaks", "", "Block A leaks (high · firing)", "Where: Block A › Plant", "Since: 2026-11-24 05:00",
        "Value: 0.4 m³/h", "Cost: ¥1,234, 25 MWh, 0.4 m³, ¥300.00 per day if left", "Why: Never zero at night",
        "Check first: Toilets", "Open: https://steward.example.org/#/alerts/a1",
    ]  # fmt: skip


def test_every_field_of_an_alert_stands_in_the_chinese_text_in_the_readers_time() -> None:
    words = write(notice(item()), CHINESE)
    assert words.subject == "【重要】A座漏水"
    assert words.text.split("\n")[2:] == [
        "A座漏水（重要 · 告警中）", "位置：A座 › 冷站", "开始：2026-11-24 13:00", "数值：0.4立方米每小时",
        "损失：¥1,234，25 MWh，0.4 m³，不处理每天¥300.00", "原因：夜间流量未归零", "先检查：查卫生间",
        "查看：https://steward.example.org/#/alerts/a1",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_alert_with_nothing_but_its_rule_has_no_empty_lines_and_a_title_all_the_same(language: str) -> None:
    words = write(notice(BARE), Reader(language))
    lines = words.text.split("\n")
    assert lines[0].endswith("hot: a.p")
    assert len(lines) == 4, "title, blank, the alert, since when"
    assert not [line for line in lines if line.endswith((": ", ":"))]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_language_that_an_alert_does_not_speak_falls_back_to_the_one_that_it_does(language: str) -> None:
    only = item(title={"": "P1"}, why={"en": "because"}, where={}, check={})
    words = write(notice(only), Reader(language))
    assert "P1" in words.subject
    assert "because" in words.text


def test_an_end_says_how_long_it_lasted_and_no_price_per_day() -> None:
    over = item(status="resolved", resolved=NOW + 90 * MINUTE)
    english, chinese = write(notice(over), ENGLISH), write(notice(over), CHINESE)
    assert english.subject == "[resolved] Block A leaks"
    assert chinese.subject == "【已恢复】A座漏水"
    assert "Since: 2026-11-24 05:00 (lasted 2 h 30 min)" in english.text
    assert "Until: 2026-11-24 07:30" in english.text
    assert "开始：2026-11-24 13:00（持续2小时30分钟）" in chinese.text
    assert "per day" not in english.text
    assert "每天" not in chinese.text


def test_several_alerts_are_counted_in_the_subject_under_the_first() -> None:
    words = write(notice(item(), item("a2"), item("a3", status="resolved", resolved=NOW)), ENGLISH)
    assert words.subject == "[high] 2 firing, 1 resolved: Block A leaks"


def test_a_test_an_event_and_a_digest_say_what_they_are() -> None:
    assert write(notice(what="test", by="Li Wei"), ENGLISH).text == (
        "Test notice from Campus\n\nThis channel works. It was asked for by Li Wei."
    )
    assert write(notice(what="test", by="李伟"), CHINESE).subject == "行政中心测试通知"
    event = write(notice(item(), what="event", event="acknowledged", by="Li Wei"), ENGLISH)
    assert event.subject == "Acknowledged: Block A leaks"
    assert "By: Li Wei" in event.text
    spent = Spent({"CNY": 50.0, "EUR": 2.0}, 3000.0, 1.5)
    digest = write(notice(item(), what="digest", start=NOW - DAY, end=NOW, spent=spent), ENGLISH)
    assert digest.subject == "Campus: 1 open, 0 resolved"
    assert "From 2026-11-23 06:00 to 2026-11-24 06:00\nSpent: ¥50.00, €2.00, 3 kWh, 1.5 m³" in digest.text
    empty = write(notice(what="digest", start=NOW - DAY, end=NOW), CHINESE)
    assert empty.text.endswith("没有未恢复的告警，也没有新恢复的告警。")
    assert write(notice(item(), what="digest", start=1, end=2, spent=Spent()), CHINESE).text.count("损失合计：无") == 1


def test_both_languages_have_the_same_words_and_no_placeholder_of_their_own() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for name in WORDS["en"]:
        assert WORDS["en"][name].count("{}") == WORDS["zh"][name].count("{}"), name
        assert unknown(WORDS["en"][name]) == unknown(WORDS["zh"][name]) == [], name


def test_an_operators_templates_take_every_placeholder_and_fill_none_twice() -> None:
    all_of_them = Templates({"en": "|".join(f"{{{name}}}" for name in PLACEHOLDERS)}, {"": "{title}\n{cost}"})
    tricky = item(title={"en": "{why} {0.__class__}"})
    words = write(notice(tricky), ENGLISH, all_of_them)
    assert "{why} {0.__class__}" in words.subject, "what was filled in is not looked at again"
    assert not [name for name in PLACEHOLDERS if f"{{{name}}}" in words.subject.replace("{why} {0.__class__}", "")]
    assert words.text.split("\n\n", 1)[1] == "{why} {0.__class__}\n¥1,234, 25 MWh, 0.4 m³, ¥300.00 per day if left"
    assert fill("{nobody} {title}", {"title": "x"}) == "{nobody} x"
    assert unknown("{title} {titel} {where}") == ["titel"]


def test_what_a_stranger_wrote_is_text_in_html_and_markdown_and_breaks_no_line() -> None:
    evil = item(title={"en": "<script>*x*</script> [a](http://b)\r\nBcc: c"}, target="`t`")
    words = write(notice(evil), ENGLISH)
    assert "<script>" not in words.html
    assert "&lt;script&gt;" in words.html
    assert "\\*x\\*" in words.markdown
    assert "\\[a\\](http://b)" in words.markdown
    assert "\n" not in words.subject
    assert "\r" not in words.text


@pytest.mark.parametrize(
    ("ns", "english", "chinese"),
    [(0, "0 s", "0秒"), (59 * SECOND, "59 s", "59秒"), (61 * SECOND, "1 min 1 s", "1分钟1秒"), (DAY, "1 d", "1天"),
     (DAY + 3 * HOUR + MINUTE, "1 d 3 h", "1天3小时"), (-SECOND, "0 s", "0秒")],
)  # fmt: skip
def test_a_length_of_time_has_its_two_largest_parts(ns: int, english: str, chinese: str) -> None:
    assert (span(ns, "en"), span(ns, "zh")) == (english, chinese)


def test_numbers_have_three_digits_and_no_exponent() -> None:
    assert [number(one) for one in (0.0, 0.004, 1.5, 12.34, 99.99, 123.4, 1e7)] == [
        "0",
        "0",
        "1.5",
        "12.3",
        "100",
        "123",
        "10000000",
    ]


texts = st.text(st.characters(codec="utf-8"), max_size=60)
alerts = st.lists(st.builds(lambda title, n: item(f"a{n}", title={"en": title}), texts, st.integers(0, 9)), max_size=12)


@given(alerts, st.integers(120, 3000), st.integers(0, 30), st.sampled_from(["en", "zh"]))
def test_a_limit_is_kept_in_bytes_and_every_alert_is_shown_or_counted(
    items: list[Item], limit: int, left_out: int, language: str
) -> None:
    words = write(notice(*items, left_out=left_out), Reader(language), limit=limit)
    for written in (words.text, words.markdown):
        assert len(written.encode()) <= limit
    whole = write(notice(*items, left_out=left_out), Reader(language))
    if len(whole.text.encode()) + 60 <= limit:
        assert words.text == whole.text, "what fits is not cut"


@given(texts, st.integers(3, 100))
def test_cutting_never_leaves_half_a_character(value: str, limit: int) -> None:
    assert len(cut(value, limit).encode()) <= limit
    assert cut(value, limit).rstrip("…") == "" or value.startswith(cut(value, limit).rstrip("…"))


@given(texts)
def test_a_subject_is_one_line_of_at_most_two_hundred_characters(value: str) -> None:
    assert len(one_line(value * 9)) <= 200
    assert len(one_line(value * 9).splitlines()) <= 1
