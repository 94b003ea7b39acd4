// A live list that stands still while it is read: as long as somebody moves in it, rows keep their places, what is over stays as
// a row that says so, and what is new waits above with its number. Eight quiet seconds later it orders itself anew.
import { useEffect, useRef, useState } from './html.js';

const QUIET = 8000;

/**
 * @param {any[]} list rows with an id, in the order wanted now @param {string} view another view is another list
 * @param {(id: string) => any} find a row that has left the list but still exists
 * @returns {{rows: any[], waiting: number, touch: () => void, release: () => void}}
 */
export function useHeld(list, view, find) {
  const kept = useRef({ view: '', rows: /** @type {any[]} */ ([]), touched: -Infinity });
  const [, again] = useState(0);
  const held = kept.current.view === view && kept.current.rows.length > 0 && performance.now() - kept.current.touched < QUIET;
  let rows = list;
  let waiting = 0;
  if (held) {
    const present = new Map(list.map((row) => [row.id, row]));
    const before = new Set(kept.current.rows.map((row) => row.id));
    rows = kept.current.rows.map((row) => present.get(row.id) ?? find(row.id) ?? { ...row, gone: true });
    waiting = list.filter((row) => !before.has(row.id)).length;
  }
  kept.current.view = view;
  kept.current.rows = rows;
  useEffect(() => {
    if (!held) return undefined;
    const timer = setTimeout(() => again((n) => n + 1), QUIET - (performance.now() - kept.current.touched) + 20);
    return () => clearTimeout(timer);
  });
  const touch = () => { kept.current.touched = performance.now(); };
  const release = () => {
    kept.current.touched = -Infinity;
    again((n) => n + 1);
  };
  return { rows, waiting, touch, release };
}
