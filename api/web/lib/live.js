// The live stream: values, alerts, what changed about the service. Reconnects by itself from the last event it saw; a hidden tab
// closes it (and costs nothing) and catches up when it is seen again.
import { Store } from './state.js';
import { readStream } from './stream.js';
import { learnTime, now } from './clock.js';
import { put, valueOf } from './values.js';
import { BASE, api } from './api.js';
import { loadAlerts, takeAlert } from './alerts.js';
import { facility, loadFacility, nodeOf } from './facility.js';

/** @typedef {{state: 'connecting' | 'live' | 'off', heard: number, newest: number}} Connection
 * heard: last sign of life, newest: moment of the newest value, server ms (0: none yet) */

/** @type {Store<Connection>} */
export const connection = new Store({ state: 'connecting', heard: now(), newest: 0 });
/** Counts what makes every cached answer stale: the stream could not be resumed, or the facility changed. @type {Store<number>} */
export const renewal = new Store(0);
/** The newest `server` event: brokers, storage, refused subscriptions. @type {Store<any>} */
export const server = new Store(null);

/** The server says something at least every 15 s; this long without a byte means that the connection is half open. */
const DEAF = 40_000;

let lastId = '';
let tries = 0;
/** @type {AbortController | null} */
let current = null;
let again = 0;
let lastByte = 0;

function change(/** @type {Partial<Connection>} */ part) {
  connection.set({ ...connection.value, ...part });
}

/** Opens the stream; while the tab is hidden it waits to be seen. */
export async function connect() {
  clearTimeout(again);
  if (current || document.hidden) return;
  const abort = new AbortController();
  current = abort;
  lastByte = Date.now();
  try {
    await readStream(`${BASE}/events`, lastId, abort.signal, { onOpen: opened, onBytes: heard, onMessage: take });
    throw new Error('the server closed the stream');
  } catch {
    if (current === abort) current = null;
    if (abort.signal.aborted && document.hidden) return;
    change({ state: 'off' });
    tries += 1;
    // 0.5 s, 1 s, 2 s ... 15 s, spread, so that a hundred pages do not come back in one moment
    again = window.setTimeout(connect, Math.min(15_000, 250 * 2 ** Math.min(tries, 7)) * (0.75 + Math.random() / 2));
  }
}

function opened() {
  tries = 0;
  change({ state: 'live', heard: now() });
}

function heard() {
  lastByte = Date.now();
}

/** @param {import('./stream.js').Message} message */
function take({ event, data, id }) {
  if (id) lastId = id;
  const body = JSON.parse(data);
  if (event === 'hello') learnTime(body.now);
  else if (event === 'values') takeColumns(body);
  else if (event === 'alert') takeAlert(body);
  else if (event === 'server') server.set(body);
  else if (event === 'facility') renew();
  else if (event === 'reset') renew();
}

/** Columns of values as `status` and the stream give them; an asked-for answer may be older than the stream. @param {any} body */
export function takeColumns(body, asked = false) {
  learnTime(body.now);
  let newest = 0;
  for (let i = 0; i < body.id.length; i += 1) {
    if (!asked || body.at[i] >= (valueOf(body.id[i])?.at ?? 0)) put(body.id[i], body.value[i], body.at[i], body.quality[i], body.state[i]);
    if (body.at[i] > newest) newest = body.at[i];
  }
  const at = now();
  // what lies ahead is a clock that runs wrong, not news from the future
  newest = Math.max(connection.value.newest, newest <= at + 1000 ? Math.min(newest, at) : 0);
  if (connection.value.state === 'live') change({ heard: at, newest });
}

/** Above this many points a page does not ask for all of them: sums then come from the server until the stream has spoken. */
const ALL = 20_000;

/** Learns the newest value of every point of a branch in one call. @param {string} branch @param {AbortSignal} signal */
export async function loadStatus(branch, signal) {
  const node = nodeOf(branch || facility.value.root);
  if (!node || node.points > ALL) return false;
  takeColumns(await api.status(branch, signal), true);
  return true;
}

function renew() {
  loadFacility();
  loadAlerts();
  renewal.set(renewal.value + 1);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    current?.abort();
    current = null;
  } else {
    tries = 0;
    connect();
  }
});
addEventListener('online', () => connect());
setInterval(() => {
  if (current && Date.now() - lastByte > DEAF) current.abort();
}, 5000);
