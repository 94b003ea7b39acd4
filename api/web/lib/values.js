// The newest value of every point that the page has heard of. A thousand changes a second arrive here; listeners are told at most
// four times a second, and only those of points that changed: what is not on the screen costs one entry in a Map.
import { useLayoutEffect, useState } from './html.js';

/** @typedef {{value: number | null, at: number, quality: number, state: number, turn: number}} Latest
 * state: 0 fresh, 1 stale, 2 device lost, 3 no data; turn: how often the value has changed */

/** @type {Map<string, Latest>} */
const latest = new Map();
/** @type {Map<string, Set<() => void>>} */
const listeners = new Map();
/** @type {Set<string>} */
const changed = new Set();
let timer = 0;
const EVERY = 250;

function flush() {
  timer = 0;
  for (const point of changed) for (const listener of [...(listeners.get(point) ?? [])]) listener();
  changed.clear();
}

/**
 * Takes a value in, as the server orders them.
 * @param {string} point @param {number | null} value @param {number} at ms @param {number} quality @param {number} state
 */
export function put(point, value, at, quality, state) {
  const old = latest.get(point);
  if (old && at === old.at && value === old.value && quality === old.quality && state === old.state) return;
  const moved = !old || old.value !== value;
  latest.set(point, { value, at, quality, state, turn: (old?.turn ?? -1) + (moved ? 1 : 0) });
  if (!listeners.has(point)) return;
  changed.add(point);
  if (!timer) timer = window.setTimeout(flush, EVERY);
}

const QUALITIES = { good: 0, uncertain: 1, bad: 2 };
const STATES = { fresh: 0, stale: 1, dead: 2, none: 3 };

/** Takes in what a list answered; what the stream has said since is newer. @param {any} row a PointRow of the API */
export function seed(row) {
  const old = latest.get(row.id);
  if (!old || (row.at ?? 0) >= old.at) put(row.id, row.value, row.at ?? 0, QUALITIES[row.quality] ?? 0, STATES[row.state] ?? 3);
}

/** @param {string} point @returns {Latest | undefined} */
export const valueOf = (point) => latest.get(point);

/** Listens to one point. @param {string} point @param {() => void} listener @returns {() => void} the way to stop */
export function listen(point, listener) {
  let set = listeners.get(point);
  if (!set) listeners.set(point, (set = new Set()));
  set.add(listener);
  return () => {
    set.delete(listener);
    if (!set.size) listeners.delete(point);
  };
}

/** The newest value of a point; the caller renders when it changes. @param {string} point */
export function useValue(point) {
  const [, again] = useState(0);
  useLayoutEffect(() => listen(point, () => again((n) => n + 1)), [point]);
  return latest.get(point);
}

/** Renders when any of several points changes. @param {string[]} points */
export function useValues(points) {
  const [, again] = useState(0);
  useLayoutEffect(() => {
    let due = 0;
    const listener = () => {
      if (!due) due = requestAnimationFrame(() => { due = 0; again((n) => n + 1); });
    };
    const stops = points.map((point) => listen(point, listener));
    return () => {
      cancelAnimationFrame(due);
      stops.forEach((stop) => stop());
    };
  }, [points.join('\n')]);
  return points.map((point) => latest.get(point));
}
