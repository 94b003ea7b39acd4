// The totals above the figures: each carrier with its change, then money, carbon and standard coal of all of them.
import { html } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { valueText } from '../lib/format.js';
import { carriers, changed, figureOf, isKnown, mass, money, percent, tops, total } from '../lib/energy.js';
import { displayOf } from '../lib/units.js';
import { here } from '../lib/route.js';

/** @param {{summary: any, before: any, chosen: string}} props */
export function Totals({ summary, before, chosen }) {
  const roots = tops(summary);
  const shown = carriers(summary);
  const worth = worthOf(roots, shown);
  const carbon = mass(worth.carbon, worth.carbon ?? 0, 'CO₂');
  const coal = mass(worth.coal, worth.coal ?? 0, 'ce');
  const cells = shown.length + 3;
  return html`<section class="panel strip totals" aria-label=${t('energy.totals')} style=${{ '--cells': cells }}>
    ${shown.map((metric) => html`<${Carrier} key=${metric} figure=${total(roots, metric)} before=${before && total(tops(before), metric)} chosen=${metric === chosen && shown.length > 1} />`)}
    <div data-total="cost"><span class="label">${t('energy.cost')}</span><span class="big">${worth.cost}</span><span class="below" title=${worth.bare.cost}>${worth.bare.cost}</span></div>
    <div data-total="carbon"><span class="label">${t('energy.carbon')}</span><span class="big">${carbon.text}${carbon.unit && html`<span class="u">${carbon.unit}</span>`}</span><div class="below" title=${worth.bare.carbon}>${worth.bare.carbon}</div></div>
    <div data-total="coal"><span class="label">${t('energy.coal')}</span><span class="big">${coal.text}${coal.unit && html`<span class="u">${coal.unit}</span>`}</span><div class="below">${t('energy.coalWhat')}</div></div>
  </section>`;
}

function Carrier({ figure, before, chosen }) {
  const { text, unit } = valueText(isKnown(figure) ? figure.value : null, figure, displayOf(figure.unit, figure.value, figure.metric));
  const { change, why } = changed(figure, before);
  return html`<div data-total=${figure.metric}><a href=${here({ metric: figure.metric })} aria-current=${chosen ? 'true' : null}><span class="label">${word('carrier', figure.metric)}</span></a>
    <span class="big">${text}${unit && html`<span class="u">${unit}</span>`}</span>
    <div class="below" title=${why}>${change === undefined ? why : t('energy.changed', { v: percent(change, true) })}</div></div>`;
}

/** Money, carbon and coal of all carriers, and which are in no sum. @param {any[]} roots @param {string[]} metrics */
function worthOf(roots, metrics) {
  const figures = roots.flatMap((root) => metrics.map((metric) => figureOf(root, metric)).filter((one) => one && isKnown(one)));
  const without = (name) => {
    const bare = [...new Set(figures.filter((one) => one.worth[name] === null && one.value).map((one) => word('carrier', one.metric)))];
    return bare.length ? t('energy.without', { v: bare.join(t('list.comma')) }) : '';
  };
  const sum = (name) => {
    const known = figures.map((one) => one.worth[name]).filter((v) => v !== null);
    return known.length ? known.reduce((all, v) => all + v, 0) : null;
  };
  const amounts = new Map();
  for (const { worth } of figures) if (worth.cost !== null && worth.currency) amounts.set(worth.currency, (amounts.get(worth.currency) ?? 0) + worth.cost);
  const cost = [...amounts].map(([currency, amount]) => money(amount, currency)).join(' + ') || '–';
  return { cost, carbon: sum('carbon'), coal: sum('coal'), bare: { cost: without('cost'), carbon: without('carbon') } };
}
