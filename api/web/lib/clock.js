// The server's clock, ticking once a second while the tab is seen: ages count on even when the connection is down.
import { Store } from './state.js';
import { useChange } from './html.js';

let skew = 0;

/** Learns the server's time from an answer. @param {number} server epoch ms */
export function learnTime(server) {
  if (server > 0) skew = server - Date.now();
}

/** Server time in ms. */
export const now = () => Date.now() + skew;

/** @type {Store<number>} */
export const second = new Store(now());
setInterval(() => {
  if (!document.hidden) second.set(now());
}, 1000);

/** The present second; the caller renders once a second. */
export function useSecond() {
  useChange(second);
  return now();
}
