"""What the service says in English is known by a code, so that the page can say it in another language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.sentences import EXPECTED, LED_BY, TABLE, Said, expected, said

ROOT = Path(__file__).parents[2]
RAISED = ("NotApplicable", "ValueError", "StewardError", "RecordsError", "Refused", "Noted", "Refusal", "NoLedger")
"""Calls whose texts reach a reader; the text is the last argument that is one."""
DIAGNOSED = ("UndecodableMessage", "reject", "repair", "BrokerError", "MalformedFrame", "_lost", "NoticeFailed", "_dead")
"""Calls with what was wrong with a message, a broker or a channel."""
BEHIND_A_REASON = ("UndecodableMessage", "reject")
"""Calls whose text stands behind the word for the counters, where there is one."""
WHERE = {
    "rules/kinds/*.py": RAISED,
    "rules/fleet/*.py": RAISED,
    "rules/hvac/*.py": RAISED,
    "rules/water/*.py": RAISED,
    "rules/machines/*.py": RAISED,
    "rules/binding.py": ("Unbound",),
    "rules/contract.py": RAISED,
    "rules/local.py": RAISED,
    "rules/quantity.py": RAISED,
    "rules/hours.py": RAISED,
    "rules/human.py": RAISED,
    "steward/app/alerts/desk.py": RAISED,
    "steward/app/alerts/scoping.py": RAISED,
    "steward/app/alerts/corrections.py": RAISED,
    "steward/app/trials/runs.py": RAISED,
    "steward/app/trials/processes.py": RAISED,
    "steward/app/money/cashier.py": RAISED,
    "steward/app/ledger/desk.py": RAISED,
    "steward/app/ledger/people.py": RAISED,
    "steward/app/ledger/baselines.py": RAISED,
    "steward/app/ledger/answers.py": RAISED,
    "api/routes/money.py": RAISED,
    "api/routes/ledger.py": RAISED,
    "api/routes/history.py": RAISED,
    "api/services_desk.py": RAISED,
    "api/services_trials.py": RAISED,
    "api/energy.py": RAISED,
    "api/reports.py": RAISED,
    "steward/records/desk.py": RAISED,
    "steward/records/outbox.py": RAISED,
    "collectors/formats/*.py": DIAGNOSED,
    "collectors/formats/spark*.py": ("_ask",),
    "collectors/devices.py": DIAGNOSED,
    "collectors/intake.py": DIAGNOSED,
    "collectors/readings.py": DIAGNOSED,
    "collectors/mqtt.py": DIAGNOSED,
    "collectors/tap.py": DIAGNOSED,
    "steward/notices/channels/*.py": DIAGNOSED,
    "steward/app/notices/*.py": DIAGNOSED,
    "steward/store/spool.py": ("StoreUnavailable", "SpoolFull"),
    "steward/store/_segments.py": ("StoreUnavailable", "SpoolFull"),
    "steward/store/embedded.py": ("StoreUnavailable",),
}
NOT_SHOWN = {
    # asked by nobody on the page, the words of another program, or a frame around a sentence that has a code of its own
    "{str(error)}", "{str(problem)}", "{str(content)}", "{NONE}", "{self._WHY}", "{words}", "{detail}", "window: {error}",
    "{act.point}: {self.core.shelf.errors[act.point]}", "window: {window!r} is shorter than a millisecond",
    "window, pixels: one of them, not both", "allocation {id!r}: {error}", "alert {record.id}: {reason}",
    # what a device sent, as it is, and what another program or library said
    "{error.detail}", "{reading.field}: {error.detail}", "{name}: {error.detail}", "{telemetry.quality}", "{kind!r}",
    "{reading.field}: {reading.quality!r}", "{path[:60]} ...", "{message.topic[:100]}", "{last[:60]}", "{field}: {unit!r}",
    "{field}: {value!r}", "{field}: {value!r} ({error})", "{str(reason)}", "{str(error) or type(error).__name__}", "{error}",
    "{type(error).__name__}: {error}", "{channel.host}: {error}", "{channel.host}: {str(error) or type(error).__name__}",
    "{host}: {str(error) or type(error).__name__}", "{code} {number}: {said}", "{publication.topic}: {why}", "{self._refusal}",
    "{self.path}: {error}", "{self._error}", "HTTP {answer.status}{_said(answer.body)}",
    # of a service that does not start, and of a command
    "broker {broker.id}: {broker.url!r} is no address, expected mqtt, mqtts, ws or wss://host:port",
    "broker {broker.id}: a shared subscription needs protocol 5, not {broker.protocol}",
    "broker {found.id}: embedded on a free port, which only the running service knows",
    "{broker.url}: {status.error or 'no answer'}",
}  # fmt: skip


def _text(node: ast.expr) -> list[str]:
    """The texts that an expression may be; a hole of an f-string keeps its expression."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        made = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                made += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                made += "{" + ast.unparse(part.value) + ("!r" if part.conversion == 114 else "") + "}"
        return [made]
    if isinstance(node, ast.IfExp):
        return [*_text(node.body), *_text(node.orelse)]
    return ["{" + ast.unparse(node) + "}"]


def _filled(text: str) -> str:
    """The text with something in each hole: a number or a name, quoted where it would be."""
    return re.sub(r"\{[^{}]*?(!r)?\}", lambda hole: "'x7'" if hole[1] else "7", text)


def _sentences() -> Iterator[tuple[str, str]]:
    for glob, names in WHERE.items():
        for path in sorted(ROOT.glob(glob)):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in names:
                    stated = node.args[1:2] if name in BEHIND_A_REASON else node.args[-1:]
                    yield from ((path.name, one) for each in stated for one in _text(each))


def _checks() -> Iterator[tuple[str, str, str]]:
    """What the checks of the kinds say: (file, message, expected), of tables that they refuse."""
    for path in sorted((ROOT / "rules" / "kinds").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name == "check":
                for node in ast.walk(function):
                    if (
                        isinstance(node, ast.Tuple)
                        and len(node.elts) == 3
                        and not isinstance(node.elts[1], ast.Name | ast.Attribute)
                    ):
                        yield from (
                            (path.name, message, wanted) for message in _text(node.elts[1]) for wanted in _text(node.elts[2])
                        )


def _wrongs() -> Iterator[tuple[str, str, str]]:
    """What the reader of rule tables says."""
    for node in ast.walk(ast.parse((ROOT / "rules" / "load.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and len(node.args) > 1:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("wrong", "Problem"):
                for message in _text(node.args[1]):
                    for wanted in _text(node.args[2]) if len(node.args) > 2 else [""]:
                        yield "load.py", message, wanted


def test_every_sentence_that_a_reader_may_see_has_a_code() -> None:
    unknown = {f"{file}: {text}" for file, text in _sentences() if text not in NOT_SHOWN and not said(_filled(text)).code}
    assert not unknown


def test_the_sentences_are_found_where_they_are_looked_for() -> None:
    assert len({text for _, text in _sentences()}) > 100


def test_every_limit_that_a_rule_refuses_is_refused_in_words_that_have_a_code() -> None:
    found = [*_checks(), *_wrongs()]
    assert len(found) > 60
    free = re.compile(r"\{[^{}]*\}|[\d.:]*")  # a bare value is a value in every language
    units = r"m3?|ratio|Wh|m/s|Hz|m3/s|20\d\d-.*"
    literal = re.compile(units + r"|\d+% or .*|.*\{.*\}|[\w.-]+ \d.*|unapproved, sealed, closed")
    messages = {f"{file}: {one}" for file, one, _ in found if not free.fullmatch(one) and not said(_filled(one)).code}
    wanted = {
        f"{file}: {one}" for file, _, one in found if one and not literal.fullmatch(one) and not expected(_filled(one)).code
    }
    assert not messages - {f"load.py: {one}" for one in ("{problem} (point {point.id}, metric {point.metric})",)}
    assert not wanted


@pytest.mark.parametrize("template", [one for all in TABLE.values() for one in all])
def test_a_sentence_is_taken_for_what_it_is(template: str) -> None:
    (code,) = [code for code, all in TABLE.items() if template in all]
    holes = re.findall(r"\{(\w+)(?:!r)?\}", template)
    given = {name: f"w{number}" for number, name in enumerate(dict.fromkeys(holes))}
    text = re.sub(r"\{(\w+)(!r)?\}", lambda hole: f"'{given[hole[1]]}'" if hole[2] else given[hole[1]], template)
    found = (expected if code.startswith(EXPECTED) else said)(text)
    assert (found.code, dict(found.params)) == (code, given)


def test_what_stands_around_a_sentence_does_not_hide_it() -> None:
    unit = said("unit 'furlong' does not fit: the points are in W (point a.ch2.power, metric power)")
    assert unit.code == "unit_unfit"
    assert unit.params == {"symbol": "furlong", "canonical": "W", "at": "a.ch2.power"}
    assert said(
        "alert 0123456789abcdef: it is firing: only a resolved alert can be closed; shelve it to silence it for a time"
    ).code
    assert said("StewardError: the process of a trial ended before its work was done").code == "trial_process"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("127.0.0.1: [Errno 111] Connection refused", [LED_BY, "errno", "os_refused"]),
        ("[Errno -2] Name or service not known", ["errno", "os_name"]),
        ("broker main: not connected (the broker refused the connection: Not authorized)",
         ["broker_off", "broker_refuses", "mqtt_not_authorized"]),
        ("subscriptions refused: site/#: Unspecified error (0x80)",
         ["topics_refused", "with_number", LED_BY, "mqtt_unspecified_error"]),
        ("mail.example.org: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
         [LED_BY, "tls", "tls_certificate", "tls_self"]),
        ("JSON is malformed: expected ',' or '}' (byte 12)", ["json_wrong", "json_signs"]),
        ("power: 'viel', expected a number", [LED_BY, "word_number"]),
        ("x: '2026-13-40T00:00:00Z' is no time: month must be in 1..12", [LED_BY, "time_wrong", "date_part"]),
        ("HTTP 503: upstream connect error", ["http_why"]),
    ],
)  # fmt: skip
def test_a_sentence_within_a_sentence_is_known_too(text: str, codes: list[str]) -> None:
    params, found = said(text).params, [said(text).code]
    while (prefix := "why." * len(found) + "code") in params:
        found.append(params[prefix])
    assert found == codes


def test_words_of_another_pass_through_without_a_code() -> None:
    for text in ("belt on order", "", "connection refused", "3 problems: cannot connect to broker"):
        assert said(text) == Said(text)
