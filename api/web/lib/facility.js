// The tree organisation > site > space > equip as the server laid it out, and questions about it: what lies above, what lies in a branch.
// A facility with several roots (or none named) gets one more node above them, so that there is always a whole.
import { Store } from './state.js';
import { api } from './api.js';
import { named } from './i18n.js';

/**
 * @typedef {{key: string, kind: string, id: string, name: Record<string, string>, parent: string, children: string[], points: number,
 *   stale: number, silent: number, type: string, plate: string, zone: string}} Node
 * @typedef {{ready: boolean, root: string, roots: string[], nodes: Map<string, Node>}} Facility
 */

const ROOT = 'facility:';
/** @type {Store<Facility>} */
export const facility = new Store({ ready: false, root: '', roots: [], nodes: new Map() });

let turn = 0;
export async function loadFacility() {
  const mine = (turn += 1);
  try {
    const tree = await api.tree();
    if (mine === turn) facility.set(grow(tree));
  } catch {
    if (mine === turn) setTimeout(loadFacility, 3000);
  }
}

/** @param {any} tree @returns {Facility} */
export function grow(tree) {
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  const tops = tree.nodes.filter((node) => !node.parent);
  const root = tops.length === 1 ? tops[0].key : ROOT;
  if (root === ROOT) {
    nodes.set(ROOT, { key: ROOT, kind: 'facility', id: tree.facility, name: tree.name, parent: '', children: [], type: '', plate: '', zone: '', points: total(tops, 'points'), stale: total(tops, 'stale'), silent: total(tops, 'silent') });
  }
  for (const node of tree.nodes) {
    const parent = node.parent || (root === ROOT ? ROOT : '');
    const above = nodes.get(parent);
    const type = node.kind === 'equip' ? node.type : '';
    nodes.set(node.key, { ...node, parent, type, children: [], zone: node.time_zone || above?.zone || '' });
    above?.children.push(node.key);
  }
  return { ready: true, root, roots: nodes.has(root) ? [root] : [], nodes };
}

const total = (list, key) => list.reduce((sum, node) => sum + node[key], 0);

/** The place of the single thing that a view shows, for the head's path. @type {Store<string>} */
export const looking = new Store('');

/** The node of a key. @param {string} key @returns {Node | undefined} */
export const nodeOf = (key) => facility.value.nodes.get(key);

/** The node and those above it, from the top; of no key, the whole. @param {string} key @returns {Node[]} */
export function trail(key) {
  const { nodes, root } = facility.value;
  const out = [];
  for (let node = nodes.get(key || root); node; node = nodes.get(node.parent)) out.unshift(node);
  return out;
}

/** Whether `key` lies in a branch ('' is everything). @param {string} key @param {string} [branch] */
export function within(key, branch) {
  if (!branch || branch === facility.value.root) return true;
  for (let node = nodeOf(key); node; node = nodeOf(node.parent)) if (node.key === branch) return true;
  return false;
}

/** What the API takes as `under`. @param {string} [branch] */
export const underOf = (branch) => (!branch || branch === ROOT || branch === facility.value.root ? '' : branch);

/** @param {any} alert @param {string} [branch] */
export const inBranch = (alert, branch) => within(alert.node, branch);
/** Keys of the nodes that carry an alert. @param {any} alert */
export const chainOf = (alert) => trailOf(alert.node).map((node) => node.key);
const trailOf = (/** @type {string} */ key) => (key ? trail(key) : trail(''));

/** The zone of the site of an alert or a point. @param {{node?: string, site?: string}} what */
export const zoneOf = (what) => nodeOf(what.node ?? '')?.zone || nodeOf(`site:${what.site}`)?.zone || firstZone();

/** Where several sites are summed up, the first site's time is used. */
export function firstZone(branch = '') {
  for (const node of facility.value.nodes.values()) if (node.kind === 'site' && node.zone && (within(node.key, branch) || within(branch, node.key))) return node.zone;
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The nodes from the site down to what the alert concerns. @param {any} alert */
export const pathOf = (alert) => trailOf(alert.node).filter((node) => node.kind !== 'organisation' && node.kind !== 'facility');

/** "Block C › pump room" @param {any} alert */
export const placeOf = (alert) => pathOf(alert).map((node) => named(node.name) || node.id).join(' › ');

/** Sites of a branch, in order. @param {string} [branch] @returns {Node[]} */
export const sites = (branch) => [...facility.value.nodes.values()].filter((node) => node.kind === 'site' && (within(node.key, branch) || within(branch ?? '', node.key)));

/** Equips that are vehicles, as the API takes them. */
const VEHICLES = new Set(['vehicle', 'bus']);
/** Whether there is any vehicle: without one there is no fleet to show. */
export const hasVehicles = () => [...facility.value.nodes.values()].some((node) => VEHICLES.has(node.type));
