"""One minute of air handlers: conditions and how long they have held, rules with their masks, counters of the day.

`columns()` is the state, one row per unit; `step` folds one look into it. A look stands for the `minutes` since the last one,
so 5-minute values held to the minute give the same counters; after a gap (`broken`) all that must hold begins anew. A
violated stretch counts from ALARM_DELAY on, with all its minutes. Nothing here knows a day: `clear` begins one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rules.contract import Array, Column, State
from rules.hvac.tables import (
    ALARM_DELAY,
    BAND_LEARNED,
    BAND_MIXED,
    BAND_OUTDOOR,
    E_FRACTION,
    E_MAT,
    E_OAT,
    E_PRESSURE,
    E_RAT,
    E_SAT,
    FAN_RISE,
    FLAT,
    INDEX,
    LEAST_FLOW,
    LEAST_SPLIT,
    MINUTE_CHECKS,
    SETTLE,
    SLOT,
    SPLIT_EDGES,
    STILL_LONG,
    STILL_SHORT,
)  # fmt: skip
from steward.model import BoolArray, FloatArray, IntArray

Judge = Callable[[str, BoolArray, FloatArray], None]
Holds = dict[str, BoolArray]
Look = dict[str, FloatArray]

CONDITIONS = ("on", "off", "cc_shut", "cc_open", "hc_shut", "hc_open", "oad_full", "oad_shut", "oad_closed", "cc_half",
              "hc_half", "cc_full", "hc_full", "alive", "flat_sat", "flat_mat", "flat_rat", "flat_oat")  # fmt: skip
QUARTERS = STILL_LONG // 15
DAY_MINUTES = 1440
RATIO_EDGES = np.array([1.1, 1.25, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 3.75, 4.0])
RATIO_MIDDLES = np.array([1.05, 1.175, 1.325, 1.5, 1.7, 1.9, 2.125, 2.375, 2.625, 2.875, 3.125, 3.375, 3.625, 3.875, 4.0])
"""Bins of residual over band; beyond 4 nothing changes, since the score counts at most 4."""
COIL_LOW, COIL_STEP, COIL_BINS = -15.0, 0.1, 300
OAF_LOW, OAF_STEP, OAF_BINS = -0.5, 0.02, 100
LOADS, COMMAND_STEP, COMMAND_BINS = 20, 0.02, 51
SLOTS = 48
SPLITS = len(SPLIT_EDGES)
DAILY = ("minutes", "applicable", "ratios", "coil", "oaf", "split", "effort", "steady", "slots")
"""The columns that begin anew with a day."""
SPLIT_BOUNDS = np.array(SPLIT_EDGES)


def columns() -> dict[str, Column]:
    """State of the fold: run lengths, pending stretches, and the counters and histograms (minutes) of the day."""
    rules = MINUTE_CHECKS
    return {
        "held": Column(np.int32, 0, (len(CONDITIONS),)),
        "alive_left": Column(np.int32, 0),
        "before": Column(np.float64, np.nan, (4,)),
        "quarter": Column(np.int64, 0),
        "commands": Column(np.float32, np.nan, (2, QUARTERS)),
        "stretch": Column(np.int32, 0, (rules,)),
        "pending": Column(np.float32, 0.0, (rules,)),
        "offset": Column(np.float64, FAN_RISE),
        "coil_band": Column(np.float64, BAND_MIXED),
        "minutes": Column(np.int32, 0, (rules,)),
        "applicable": Column(np.int32, 0, (rules,)),
        "ratios": Column(np.int16, 0, (rules, len(RATIO_MIDDLES))),
        "coil": Column(np.int16, 0, (COIL_BINS,)),
        "oaf": Column(np.int16, 0, (SPLITS, OAF_BINS)),
        "split": Column(np.float32, 0.0, (SPLITS,)),
        "effort": Column(np.int16, 0, (2, LOADS, COMMAND_BINS)),
        "steady": Column(np.int32, 0, (2,)),
        "slots": Column(np.float32, 0.0, (SLOTS, 4)),
    }


def clear(state: State, rows: IntArray) -> None:
    """Forgets what the state counts by day (DAILY): `rows` begin a new local day."""
    for name in DAILY:
        state.put(name, rows, 0)


def step(state: State, rows: IntArray, minute: IntArray, minutes: IntArray, broken: BoolArray, value: FloatArray) -> None:
    """Folds one look at `rows`. minute: of the local day (choosing the half hour), [n]; minutes: that it stands for, [n];
    value [n, roles] in the order of `tables.ROLES`, NaN where not known."""
    one = dict(zip(SLOT, value.T, strict=True))
    lag = minutes.astype(np.int32)
    held = _conditions(state, rows, lag, broken, one)
    still = _still(state, rows, minute // 15, broken, one)
    hold = {name: held[:, number] > SETTLE for number, name in enumerate(CONDITIONS)}
    hold["fan_off"] = held[:, 1] > 5
    for number, name in enumerate(CONDITIONS[-4:], start=len(CONDITIONS) - 4):
        hold[name] = held[:, number] >= FLAT
    flow = hold["on"] & ~(one["spd"] < LEAST_FLOW)
    with np.errstate(divide="ignore", invalid="ignore"):
        applies, ratio = _rules(state, rows, one, hold, still, flow)
    _count(state, rows, lag, broken, applies, ratio)
    _statistics(state, rows, minute, lag, one, hold, flow)


def _conditions(state: State, rows: IntArray, lag: Array, broken: BoolArray, one: Look) -> Array:
    """How long each of CONDITIONS has been true, minutes [n, conditions]; the fan counts as off where there is no pressure,
    as long as the pressure sensor has shown within a day that it lives (above half its set point for half an hour)."""
    left = np.maximum(state.get("alive_left", rows) - lag, 0)
    on = (one["fan"] > 0.5) & ~((one["dsp"] < E_PRESSURE) & (left > 0))
    cc, hc, oad = one["cc"], one["hc"], one["oad"]
    four = np.stack([one["sat"], one["mat"], one["rat"], one["oat"]], axis=1)
    flat = four == state.get("before", rows)
    state.put("before", rows, four)
    true = np.stack(
        [on, ~on, cc <= 0.02, cc > 0.05, hc <= 0.02, hc > 0.05, oad >= 0.95, oad <= 0.05, oad <= 0.02, cc >= 0.5, hc >= 0.5,
         cc >= 0.99, hc >= 0.99, one["dsp"] > 0.5 * one["dsp_sp"], *flat.T], axis=1)  # fmt: skip
    held: Array = state.get("held", rows)
    held[broken] = 0
    held = np.where(true, held + lag[:, None], 0).astype(np.int32)
    state.put("held", rows, held)
    state.put("alive_left", rows, np.where(held[:, CONDITIONS.index("alive")] > SETTLE, DAY_MINUTES, left))
    return held


def _still(state: State, rows: IntArray, quarter: IntArray, broken: BoolArray, one: Look) -> IntArray:
    """For how many minutes each valve command has stood within 0.005 of what it is now, by the quarter hour [n, 2]."""
    ring = state.get("commands", rows)
    now = np.stack([one["cc"], one["hc"]], axis=1).astype(np.float32)
    ring[broken] = np.nan
    near = np.abs(ring - now[:, :, None]) <= 0.005
    moved = quarter != state.get("quarter", rows)
    ring[moved, :, 1:] = ring[moved, :, :-1]
    ring[moved, :, 0] = now[moved]
    state.put("commands", rows, ring)
    state.put("quarter", rows, quarter)
    whole = near.all(axis=2)
    return np.where(whole, QUARTERS, near.argmin(axis=2)) * 15


def _rules(
    state: State, rows: IntArray, one: Look, hold: Holds, still: IntArray, flow: BoolArray
) -> tuple[BoolArray, FloatArray]:
    """Which rules apply, and their residual over band (above 1: violated), [rules, n]."""
    applies = np.zeros((MINUTE_CHECKS, len(rows)), np.bool_)
    ratio = np.zeros((MINUTE_CHECKS, len(rows)))

    def judge(name: str, where: BoolArray, over: FloatArray) -> None:
        applies[INDEX[name]] = where
        ratio[INDEX[name]] = over

    sat, mat, rat, oat = one["sat"], one["mat"], one["rat"], one["oat"]
    cc, oad = one["cc"], one["oad"]
    band = state.get("coil_band", rows)
    lift = sat - mat - state.get("offset", rows)
    shut = flow & hold["cc_shut"] & hold["hc_shut"]
    heat = flow & hold["hc_open"] & hold["cc_shut"]
    cool = flow & hold["cc_open"] & hold["hc_shut"]
    judge("coil_hot", shut, lift / band)
    judge("coil_cold", shut, -lift / band)
    judge("heat_but_cold", heat, -lift / BAND_MIXED)
    judge("cool_but_hot", cool, lift / BAND_MIXED)
    none = (lift > -FAN_RISE) & (lift < BAND_MIXED)
    judge("cool_no_effect", flow & hold["cc_half"] & hold["hc_shut"], np.where(none, 1.0 + (lift + 1.1) / BAND_MIXED, 0.0))
    none = (lift > -BAND_MIXED) & (lift < FAN_RISE)
    judge("heat_no_effect", flow & hold["hc_half"] & hold["cc_shut"], np.where(none, 1.0 + (1.1 - lift) / BAND_MIXED, 0.0))
    judge("soak", hold["fan_off"] & hold["hc_shut"], (mat - np.maximum(rat, oat)) / BAND_MIXED)
    wide = flow & (np.abs(rat - oat) >= LEAST_SPLIT)
    fraction = (rat - mat) / (rat - oat)
    judge("oaf_full_low", wide & hold["oad_full"], np.where(fraction < 1.0, np.abs(mat - oat) / BAND_OUTDOOR, 0.0))
    judge("oaf_shut_high", wide & hold["oad_shut"], fraction / E_FRACTION)
    above = mat - np.maximum(rat + E_RAT, oat + E_OAT)
    below = np.minimum(rat - E_RAT, oat - E_OAT) - mat
    judge("envelope", flow, np.maximum(above, below) / E_MAT)
    for name in ("flat_sat", "flat_mat", "flat_rat", "flat_oat"):
        judge(name, flow, np.where(hold[name], 1.5, 0.0))
    judge("off_cool", hold["off"], cc / 0.05)
    judge("off_damper", hold["off"], oad / 0.10)
    _pressure(judge, one, hold)
    _control(judge, one, hold, flow, heat, cool)
    _set_points(judge, one, hold, still, flow, shut & (np.abs(lift) <= band))
    return applies, ratio


def _pressure(judge: Judge, one: Look, hold: Holds) -> None:
    pressure, wanted = one["dsp"], one["dsp_sp"]
    busy = hold["on"] & ~(one["occ"] < 0.5) & ~np.isnan(pressure - wanted)
    judge("dsp", busy, np.abs(pressure - wanted) / (E_PRESSURE + 0.1 * wanted))
    judge("dsp_low_full", busy & (one["spd"] >= 0.95), (wanted - pressure) / E_PRESSURE)


def _control(judge: Judge, one: Look, hold: Holds, flow: BoolArray, heat: BoolArray, cool: BoolArray) -> None:
    """What the controller asks of the damper, and of both coils at once."""
    split, oad = one["rat"] - one["oat"], one["oad"]
    judge("econ_missed", cool & (split >= LEAST_SPLIT), np.where(oad < 0.9, 1.9 - oad, 0.0))
    judge("econ_hot", cool & (split < -2.2), np.where(oad >= 0.9, -split / 2.2, 0.0))
    judge("heat_econ", heat, np.where(oad >= 0.9, 1.0 + oad / 9.0, 0.0))
    judge("no_vent", flow & (one["occ"] > 0.5), np.where(hold["oad_closed"], 2.0, 0.0))
    least = np.minimum(one["cc"], one["hc"])
    judge("simul", flow, np.where(hold["cc_open"] & hold["hc_open"], 1.0 + least, 0.0))


def _set_points(judge: Judge, one: Look, hold: Holds, still: IntArray, flow: BoolArray, shut: BoolArray) -> None:
    """Rules that need set points: supply air off its set point at a full, a frozen or no command."""
    sat, cc, hc = one["sat"], one["cc"], one["hc"]
    warm = np.where(np.isnan(one["sat_sp_heat"]), one["sat_sp"], one["sat_sp_heat"])
    cold = np.where(np.isnan(one["sat_sp_cool"]), one["sat_sp"], one["sat_sp_cool"])
    has_warm, has_cold = flow & ~np.isnan(warm), flow & ~np.isnan(cold)
    judge("fc7", has_warm, np.where(hold["hc_full"], (warm - sat) / E_SAT, 0.0))
    judge("fc13", has_cold, np.where(hold["cc_full"], (sat - cold) / E_SAT, 0.0))
    judge("mix_cold", shut & has_warm, (warm - sat) / BAND_LEARNED)
    off = np.maximum(warm - sat, sat - cold) / E_SAT
    for number, (name, command) in enumerate((("cc", cc), ("hc", hc))):
        between = (command > 0.05) & (command < 0.95)
        held = between & (still[:, number] >= STILL_SHORT)
        judge(f"frozen_{name}", has_warm & has_cold, np.where(held, off, 0.0))
        judge(f"override_{name}", flow, np.where(between & (still[:, number] >= STILL_LONG), 1.5, 0.0))


def _count(state: State, rows: IntArray, lag: Array, broken: BoolArray, applies: BoolArray, ratio: FloatArray) -> None:
    """Stretches of violation, and what of them counts."""
    applies, ratio = applies.T, ratio.T
    violated = applies & (ratio > 1.0)
    stretch, pending = state.get("stretch", rows), state.get("pending", rows)
    stretch[broken], pending[broken] = 0, 0.0
    now = np.where(violated, stretch + lag[:, None], 0).astype(np.int32)
    pending = np.where(violated, pending + np.minimum(ratio, 9.0) * lag[:, None], 0.0).astype(np.float32)
    state.put("stretch", rows, now)
    state.put("pending", rows, pending)
    state["applicable"][rows] += applies * lag[:, None]
    unit, rule = np.nonzero(now >= ALARM_DELAY)
    if not len(unit):
        return
    first = stretch[unit, rule] < ALARM_DELAY
    counted = np.where(first, now[unit, rule], lag[unit])
    shown = np.where(first, pending[unit, rule] / now[unit, rule], ratio[unit, rule])
    row = rows[unit]
    state["minutes"][row, rule] += counted
    state["ratios"][row, rule, np.searchsorted(RATIO_EDGES, shown)] += counted.astype(np.int16)


def _statistics(
    state: State, rows: IntArray, minute: IntArray, lag: Array, one: Look, hold: Holds,
    flow: BoolArray,
) -> None:  # fmt: skip
    """The histograms of the day; each row adds to one bin, so indexed addition is safe."""
    at = np.flatnonzero(flow)
    if not len(at):
        return
    row, short = rows[at], lag[at].astype(np.int16)
    sat, mat, rat, oat = (one[name][at] for name in ("sat", "mat", "rat", "oat"))
    cc, hc, oad = (one[name][at] for name in ("cc", "hc", "oad"))
    split = rat - oat
    idle = hold["cc_shut"][at] & hold["hc_shut"][at] & (cc <= 0.001) & (hc <= 0.001)
    cell = np.clip((sat - mat - COIL_LOW) / COIL_STEP, 0, COIL_BINS - 1).astype(np.int64)
    state["coil"][row[idle], cell[idle]] += short[idle]
    wide = np.abs(split) >= LEAST_SPLIT
    fraction = (rat[wide] - mat[wide]) / split[wide]
    cell = np.clip((fraction - OAF_LOW) / OAF_STEP, 0, OAF_BINS - 1).astype(np.int64)
    opening = np.clip(np.searchsorted(SPLIT_BOUNDS, oad[wide], side="right") - 1, 0, SPLITS - 1)
    state["oaf"][row[wide], opening, cell] += short[wide]
    state["split"][row[wide], opening] += split[wide] * short[wide]
    half = np.minimum(minute[at] // 30, SLOTS - 1)
    state["slots"][row, half] += np.stack([np.ones(len(at)), mat - rat, -split, oad], axis=1) * short[:, None]
    _effort(state, rows, at, one, hold, short)


def _effort(state: State, rows: IntArray, at: IntArray, one: Look, hold: Holds, short: Array) -> None:
    load = np.abs(one["sat"] - one["mat"] - FAN_RISE) * one["spd"]
    warm = np.where(np.isnan(one["sat_sp_heat"]), one["sat_sp"], one["sat_sp_heat"])
    cold = np.where(np.isnan(one["sat_sp_cool"]), one["sat_sp"], one["sat_sp_cool"])
    missed = (one["sat"] - cold, warm - one["sat"])
    for valve, (own, other) in enumerate((("cc", "hc"), ("hc", "cc"))):
        busy = hold[f"{own}_open"][at] & hold[f"{other}_shut"][at] & ~np.isnan(load[at])
        pick = at[busy]
        if not len(pick):
            continue
        row, command = rows[pick], one[own][pick]
        bin_ = np.minimum(load[pick], LOADS - 1).astype(np.int64)
        cell = np.clip(command / COMMAND_STEP, 0, COMMAND_BINS - 1).astype(np.int64)
        state["effort"][row, valve, bin_, cell] += short[busy]
        state["steady"][row, valve] += short[busy] * ((missed[valve][pick] <= E_SAT) & (command < 0.99))
