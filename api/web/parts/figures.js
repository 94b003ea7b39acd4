// The tree of figures: consumption with its share, the period before, last year, cost, carbon and standard coal, and what is
// doubtful. Each figure opens the node, and from there its registers and reads.
import { html, useState } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { valueText } from '../lib/format.js';
import { changed, columnOf, figureOf, isKnown, mass, money, percent, total, tops } from '../lib/energy.js';
import { useKeys } from '../lib/keys.js';
import { go, href, route } from '../lib/route.js';
import { Doubts } from './doubts.js';

/** @param {{summary: any, metric: string, before: any, year: any}} props */
export function Figures({ summary, metric, before, year }) {
  const rows = nested(summary.branches).filter(({ branch }) => figureOf(branch, metric));
  const figures = rows.map(({ branch }) => figureOf(branch, metric));
  const display = columnOf(figures);
  const whole = total(tops(summary), metric);
  const most = (name) => Math.max(0, ...figures.map((one) => one.worth[name] ?? 0));
  const columns = { display, carbon: most('carbon'), coal: most('coal') };
  const [at, setAt] = useState(-1);
  const move = (/** @type {number} */ by) => setAt((old) => Math.min(rows.length - 1, Math.max(0, old + by)));
  useKeys({ j: () => move(1), k: () => move(-1), Enter: () => rows[at] && go(addressOf(rows[at].branch, metric)) });
  return html`<div class="scroll-x"><table class="figures">
    <thead><tr><th>${t('energy.where')}</th><th class="num">${t('energy.consumption')}</th><th class="wide-only">${t('energy.share')}</th><th class="num">${t('energy.toBefore')}</th><th class="num wide-only">${t('energy.toYear')}</th>
      <th class="num wide-only">${t('energy.cost')}</th><th class="num wide-only">${t('energy.carbon')}</th><th class="num wide-only">${t('energy.coal')}</th><th class="wide-only">${t('energy.doubts')}</th></tr></thead>
    <tbody>${rows.map(({ branch, depth }, i) => html`<${Row} key=${branch.key} picked=${i === at} branch=${branch} depth=${depth} figure=${figureOf(branch, metric)} above=${above(summary, branch, metric) ?? whole}
      before=${find(before, branch, metric)} year=${find(year, branch, metric)} columns=${columns} />`)}</tbody></table></div>`;
}

/** The address of a node with the period and carrier that are shown. @param {any} branch @param {string} metric */
const addressOf = (branch, metric) => href('energy', branch.key, { ...route.value.query, metric });

function Row({ branch, picked, depth, figure, above, before, year, columns }) {
  const known = isKnown(figure);
  const { text, unit } = valueText(known ? figure.value : null, figure, columns.display);
  const share = above && above.value > 0 && known ? figure.value / above.value : null;
  const carbon = mass(known ? figure.worth.carbon : null, columns.carbon, 'CO₂');
  const coal = mass(known ? figure.worth.coal : null, columns.coal, 'ce');
  const address = addressOf(branch, figure.metric);
  return html`<tr data-branch=${branch.key} class=${picked ? 'picked' : ''}>
    <td class="wrap" style=${{ paddingLeft: `${14 + depth * 16}px` }}><a class="link" href=${address}><bdi>${named(branch.name) || branch.id}</bdi></a>${branch.kind === 'category' && branch.id !== '-' ? html` <span class="note">${branch.id}</span>` : ''}<span class="phone-only marks"><${Doubts} quality=${figure.quality} /></span></td>
    <td class="num" data-value=${figure.value}>${text}${unit && html`<span class="u">${unit}</span>`}</td>
    <td class="wide-only"><${Share} share=${share} doubtful=${figure.quality.estimated} /></td>
    <td class="num"><${Change} figure=${figure} other=${before} /></td>
    <td class="num wide-only"><${Change} figure=${figure} other=${year} /></td>
    <td class="num wide-only" title=${figure.worth.cost === null ? t('energy.noTariff') : null}>${known ? money(figure.worth.cost, figure.worth.currency) : '–'}</td>
    <td class="num wide-only" title=${figure.worth.carbon === null ? t('energy.noFactor') : null}>${carbon.text}${carbon.unit && html`<span class="u">${carbon.unit}</span>`}</td>
    <td class="num wide-only">${coal.text}${coal.unit && html`<span class="u">${coal.unit}</span>`}</td>
    <td class="wide-only marks"><${Doubts} quality=${figure.quality} /></td>
  </tr>`;
}

/** A bar for a share, its doubtful part hatched. @param {{share: number | null, doubtful: number}} props */
function Share({ share, doubtful }) {
  if (share === null) return html`<span class="note">–</span>`;
  const wide = Math.min(1, Math.max(0, share)) * 100;
  return html`<span class="sharebar" aria-hidden="true"><i style=${{ width: `${wide * (1 - doubtful)}%` }}></i><i class="hatched" style=${{ width: `${wide * doubtful}%` }}></i></span><span class="sharetext">${percent(share)}</span>`;
}

/** How much more or less than another period, or why that cannot be said. @param {{figure: any, other: any}} props */
export function Change({ figure, other }) {
  const { change, why } = changed(figure, other);
  if (change === undefined) return html`<span class="note" title=${why}>–<span class="sr"> ${why}</span></span>`;
  return html`<span class="change">${percent(change, true)}</span>`;
}

const find = (summary, branch, metric) => {
  const other = summary?.branches.find((one) => one.key === branch.key);
  return other && figureOf(other, metric);
};

/** The figure of the nearest node above that has one. */
function above(summary, branch, metric) {
  const by = new Map(summary.branches.map((one) => [one.key, one]));
  for (let node = by.get(branch.parent); node; node = by.get(node.parent)) if (figureOf(node, metric)) return figureOf(node, metric);
  return undefined;
}

/** Depth first, as the parents say, in the order of the answer. @param {any[]} branches */
function nested(branches) {
  const below = new Map();
  const keys = new Set(branches.map((one) => one.key));
  for (const branch of branches) {
    const parent = keys.has(branch.parent) ? branch.parent : '';
    below.set(parent, [...(below.get(parent) ?? []), branch]);
  }
  const out = [];
  const add = (parent, depth) => (below.get(parent) ?? []).forEach((branch) => {
    out.push({ branch, depth });
    add(branch.key, depth + 1);
  });
  add('', 0);
  return out;
}
