"""Samples as CSV, Parquet and Arrow: the way out and back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.errors import StoreError
from steward.model import Batch, PointIndex
from steward.store.export import (
    COLUMNS,
    from_arrow,
    from_csv,
    from_ipc,
    from_parquet,
    moment,
    shielded,
    to_arrow,
    to_csv,
    to_ipc,
    to_parquet,
    unshielded,
)

NOON = 1_767_268_800 * 10**9
IDS = ["机房/温度", 'say "hi", you', "line\nbreak", "plain"]
EVIL = ["=cmd|' /C calc'!A0", "@SUM(A1)", "-2+3", "'=1", "''=1", "'plain", "＝1", "'"]
SAMPLE = Batch.of(
    [0, 1, 2, 3, 0],
    [NOON, NOON + 1, NOON - 10**18, -1, NOON + 123_456_789],
    [0.1 + 0.2, -0.0, 5e-324, 1e308, 21],
    received=NOON + 7,
    quality=[0, 1, 2, 0, 1],
    historical=[True, False, True, False, True],
)


def through_csv(batch: Batch, index: PointIndex) -> list[Batch]:
    return list(from_csv("".join(to_csv(batch, IDS, rows=2)).splitlines(keepends=True), index, rows=2))


def through_parquet(batch: Batch, index: PointIndex) -> list[Batch]:
    return list(from_parquet(to_parquet(batch, IDS), index, rows=2))


def through_ipc(batch: Batch, index: PointIndex) -> list[Batch]:
    return list(from_ipc(to_ipc(batch, IDS), index))


WAYS = [through_csv, through_parquet, through_ipc]


def same(found: Batch, index: PointIndex, batch: Batch) -> bool:
    ids = [index.ids[number] for number in found.point.tolist()] == [IDS[number] for number in batch.point.tolist()]
    return ids and all(getattr(found, name).tobytes() == getattr(batch, name).tobytes() for name in Batch.__slots__[1:])


@pytest.mark.parametrize("way", WAYS)
def test_what_was_exported_is_imported_bit_for_bit_under_another_index(way: Callable[..., list[Batch]]) -> None:
    index = PointIndex(["another", "plain"])
    assert same(Batch.concat(way(SAMPLE, index)), index, SAMPLE)


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_batch_is_an_empty_file_with_columns(way: Callable[..., list[Batch]]) -> None:
    assert len(Batch.concat(way(Batch.of([], [], []), PointIndex()))) == 0


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False)), min_size=1
    )
)
def test_any_sample_survives_every_format(rows: list[Any]) -> None:
    point, at, value = zip(*rows, strict=True)
    batch = Batch.of(point, at, value)
    for way in WAYS:
        index = PointIndex()
        assert same(Batch.concat(way(batch, index)), index, batch)


def test_csv_reads_as_a_person_expects() -> None:
    text = "".join(to_csv(SAMPLE.take(np.array([0])), IDS))
    assert text == (
        "point,at,received,value,quality,historical\r\n"
        "机房/温度,2026-01-01T12:00:00.000000000Z,2026-01-01T12:00:00.000000007Z,0.30000000000000004,good,true\r\n"
    )


def test_csv_of_a_person_needs_three_columns_in_any_order() -> None:
    index = PointIndex()
    lines = ["Value, at ,point,note\n", "1.5,2026-01-01T20:00:00.5+08:00,a,x\n", f"2,{NOON},b,y\n"]
    (batch,) = from_csv(lines, index)
    assert index.ids == ["a", "b"]
    assert batch.at.tolist() == [NOON + 5 * 10**8, NOON]
    assert batch.received.tolist() == batch.at.tolist()
    assert batch.historical.tolist() == [True, True]
    assert batch.quality.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,2026-01-01T12:00:00,1", "line 3, column at: '2026-01-01T12:00:00': expected ISO 8601 with a zone"),
        ("a,2026-13-01T12:00:00Z,1", "line 3, column at"),
        ("a,1,warm", "line 3, column value: 'warm'"),
        ("a,1,nan", "line 3, column value: 'nan': expected a finite number"),
        (",1,1", "line 3, column point: '': expected the id of a point"),
        ("a,1", "line 3: 2 columns: expected at least 3"),
        ("a,1,1,fine", "line 3, column quality: 'fine': expected one of good, uncertain, bad"),
    ],
)
def test_a_wrong_row_is_told_by_line_and_column(row: str, message: str) -> None:
    header = "point,at,value,quality" if row.count(",") == 3 else "point,at,value"
    good = "a,1,1" + ",good" * (row.count(",") == 3)
    with pytest.raises(StoreError) as caught:
        list(from_csv([header, good, row], PointIndex()))
    assert str(caught.value).startswith(message)


def test_a_csv_without_the_columns_is_refused() -> None:
    with pytest.raises(StoreError, match=r"line 1: no column at: expected a header"):
        list(from_csv(["point,value\n", "a,1\n"], PointIndex()))
    with pytest.raises(StoreError, match=r"no column point, at, value"):
        list(from_csv([], PointIndex()))


def test_tables_of_other_tools_are_understood() -> None:
    table = pa.table(
        {"at": pa.array([1, 2], pa.timestamp("s", "Asia/Shanghai")), "value": pa.array([1, 2], pa.int32()), "point": ["a", "b"]}
    )
    batch = from_arrow(table, PointIndex())
    assert batch.at.tolist() == [10**9, 2 * 10**9]
    assert batch.value.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"point": ["a"], "at": [1]}, "no column value"),
        ({"point": [None], "at": [1], "value": [1.0]}, "column point: an empty id"),
        ({"point": ["a"], "at": [None], "value": [1.0]}, "column at: 1 empty"),
        ({"point": ["a"], "at": ["soon"], "value": [1.0]}, "column at"),
        ({"point": ["a"], "at": [1], "value": [1.0], "quality": ["fine"]}, "row 0, column quality"),
    ],
)
def test_a_table_that_is_wrong_is_refused(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        from_arrow(pa.table(columns), PointIndex())


def test_bytes_that_are_not_parquet_or_arrow_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a Parquet file"):
        list(from_parquet(b"PAR1 garbage", PointIndex()))
    with pytest.raises(StoreError, match="not an Arrow stream"):
        list(from_ipc(b"garbage garbage", PointIndex()))


def test_a_parquet_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(to_parquet(SAMPLE, IDS))
    assert sum(map(len, from_parquet(tmp_path / "a.parquet", PointIndex()))) == len(SAMPLE)


def test_the_arrow_table_has_words_and_times() -> None:
    table = to_arrow(SAMPLE, IDS)
    assert tuple(table.column_names) == COLUMNS
    assert table["quality"].to_pylist() == ["good", "uncertain", "bad", "good", "uncertain"]
    assert str(table.schema.field("at").type) == "timestamp[ns, tz=UTC]"


@pytest.mark.parametrize(("text", "at"), [("1969-12-31T23:59:59.25Z", -750_000_000), ("-5", -5), ("1970-01-01 00:00+0000", 0)])
def test_moments_before_1970_and_short_forms(text: str, at: int) -> None:
    assert moment(text) == at


def test_no_id_in_a_csv_is_a_formula_to_a_spreadsheet_and_each_is_read_back_as_it_was() -> None:
    batch = Batch.of(range(len(EVIL)), [NOON] * len(EVIL), [1.0] * len(EVIL))
    text = "".join(to_csv(batch, EVIL))
    cells = [row[0] for row in csv.reader(text.splitlines())][1:]
    assert [cell for cell in cells if cell[0] in "=+-@\t\r＝＋－＠"] == []
    index = PointIndex()
    (back,) = from_csv(text.splitlines(keepends=True), index)
    assert [index.ids[number] for number in back.point] == EVIL


@given(st.text())
def test_shielding_is_undone(text: str) -> None:
    assert unshielded(shielded(text)) == text
