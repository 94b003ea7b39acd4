// The tree organisation > site > space > equip: one line a node, with the worst open alert below it and how many.
// Virtual, so that a city's thousands of buildings scroll; arrow keys as in every tree.
import { html, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { count } from '../lib/format.js';
import { Worst } from './severity.js';
import { Virtual } from './virtual.js';

/**
 * @typedef {import('../lib/facility.js').Node} Node
 * @param {{nodes: Map<string, Node>, roots: string[], chosen: string, choose: (key: string) => void, burden: Map<string, {n: number, worst: string}>, maxHeight?: string}} props
 */
export function Tree({ nodes, roots, chosen, choose, burden, maxHeight = 'calc(100vh - 130px)' }) {
  const [folded, setFolded] = useState(() => /** @type {Map<string, boolean>} */ (new Map()));
  const open = (/** @type {Node} */ node) => folded.get(node.key) ?? (node.kind === 'organisation' || node.kind === 'facility' || holds(nodes, node.key, chosen));
  const fold = (key, value) => setFolded((old) => new Map(old).set(key, value));
  const rows = flatten(nodes, roots, open);
  const at = rows.findIndex(({ node }) => node.key === chosen);
  const move = (/** @type {KeyboardEvent} */ event) => {
    const row = rows[at];
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) choose(rows[Math.min(rows.length - 1, Math.max(0, to))].node.key);
    else if (event.key === 'ArrowRight' && row?.node.children.length) open(row.node) ? choose(row.node.children[0]) : fold(row.node.key, true);
    else if (event.key === 'ArrowLeft' && row) open(row.node) && row.node.children.length ? fold(row.node.key, false) : row.node.parent && choose(row.node.parent);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const height = matchMedia('(max-width: 760px)').matches ? 40 : 28;
  return html`<${Virtual} class="tree" role="tree" label=${t('branch.choose')} count=${rows.length} height=${height} show=${at} maxHeight=${maxHeight}
    attrs=${{ onKeyDown: move, 'aria-activedescendant': at >= 0 ? `tree-${chosen}` : null }}
    row=${(index) => line(rows[index], index * height, rows[index].node.key === chosen, open(rows[index].node), choose, fold, burden)} />`;
}

function line({ node, depth }, top, chosen, open, choose, fold, burden) {
  const { n = 0, worst } = burden.get(node.key) ?? {};
  return html`<div key=${node.key} id=${`tree-${node.key}`} class="trow" role="treeitem" aria-level=${depth + 1} aria-selected=${chosen} aria-expanded=${node.children.length ? open : null}
    style=${{ position: 'absolute', top: `${top}px` }} onClick=${() => choose(node.key)} data-node=${node.key}>
    <span class="pad" style=${{ width: `${depth * 14 + 4}px` }}></span>
    ${node.children.length ? html`<span class="twist" aria-hidden="true" aria-expanded=${open} onClick=${(event) => { event.stopPropagation(); fold(node.key, !open); }}><svg viewBox="0 0 9 9"><path d="M2 0l5 4.5L2 9z" /></svg></span>` : html`<span class="twist"></span>`}
    <span class="name"><bdi>${named(node.name) || node.id}</bdi>${node.type ? html` <span class="kind">${word('equip', node.type)}</span>` : ''}</span>
    ${n ? html`<${Worst} worst=${worst} n=${n} />` : null}
    <span class="n" title=${t('tree.points', { n: node.points })}>${count(node.points)}</span>
  </div>`;
}

/** Whether `key` lies below (or is) `ancestor`. @param {Map<string, Node>} nodes @param {string} ancestor @param {string} key */
function holds(nodes, ancestor, key) {
  for (let node = nodes.get(key)?.parent; node; node = nodes.get(node)?.parent) if (node === ancestor) return true;
  return false;
}

/** @param {Map<string, Node>} nodes @param {string[]} roots @param {(node: Node) => boolean} open */
function flatten(nodes, roots, open) {
  /** @type {{node: Node, depth: number}[]} */
  const rows = [];
  const add = (key, depth) => {
    const node = nodes.get(key);
    if (!node) return;
    rows.push({ node, depth });
    if (open(node)) for (const child of node.children) add(child, depth + 1);
  };
  for (const root of roots) add(root, 0);
  return rows;
}
