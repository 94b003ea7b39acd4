// Money by tariff period: what was used and paid in sharp, peak, flat and valley hours, the demand charge, and the rest.
import { html, useLoad } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { measure, moment, number } from '../lib/format.js';
import { money, percent } from '../lib/energy.js';
import { Empty, Panel, Pending } from './panel.js';

const ORDER = ['sharp', 'peak', 'flat', 'valley', 'deep_valley'];

/** @param {{site: string, span: {start: number, end: number}, period: string, zone: string, metric: string}} props */
export function Tariff({ site, span, period, zone, metric }) {
  const load = useLoad(`cost ${site} ${span.start} ${span.end} ${period}`, (signal) => api.siteCost(site, { start: span.start, end: span.end, period: period === 'week' ? 'day' : period }, signal));
  if (!load.data) return html`<${Panel} title=${t('tariff.title')}><${Pending} load=${load} /></${Panel}>`;
  const carrier = metric === 'energy' ? 'electricity' : metric;
  const points = load.data.points.filter((one) => one.carrier === carrier && one.currency);
  if (!points.length) return html`<${Panel} title=${t('tariff.title')}><${Empty} title=${t('tariff.none')}>${t('tariff.noneWords')}</${Empty}></${Panel}>`;
  const { currency, unit } = points[0];
  const rows = points.flatMap((one) => one.periods);
  const add = (name, kind) => rows.reduce((all, row) => all + Number(row[kind][name] ?? 0), 0);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.quantities)))].sort((a, b) => (ORDER.indexOf(a) + 9) % 9 - ((ORDER.indexOf(b) + 9) % 9));
  const parts = ['blocks', 'demand', 'fixed', 'power_factor', 'tax'].filter((name) => add(name, 'parts'));
  const all = points.reduce((sum, one) => sum + Number(one.total), 0);
  const demand = rows.flatMap((row) => row.demands).filter((one) => one.peak !== null).sort((a, b) => b.peak - a.peak)[0];
  const uncovered = Math.max(...rows.map((row) => row.uncovered));
  return html`<${Panel} title=${t('tariff.title')} note=${[...new Set(rows.flatMap((row) => row.tariffs))].join(', ')}><table class="tariff"><tbody>
    ${names.map((name) => html`<tr key=${name} data-tariff=${name}><td>${word('tou', name)}</td><td class="num">${number(add(name, 'quantities'), 1)}<span class="u">${unit}</span></td><td class="num">${money(add(name, 'energy'), currency)}</td></tr>`)}
    ${parts.map((name) => html`<tr key=${name}><td class="wrap">${word('costpart', name)}${name === 'demand' && demand ? html` <span class="note">${measure(demand.peak, { unit: 'W' })} · ${moment(demand.at, zone)}</span>` : ''}</td><td></td><td class="num">${money(add(name, 'parts'), currency)}</td></tr>`)}
    <tr class="sum"><td>${t('tariff.total')}</td><td></td><td class="num" data-cost=${all}>${money(all, currency)}</td></tr></tbody></table>
    ${uncovered > 0.001 && html`<div class="legend">${t('tariff.uncovered', { v: percent(uncovered) })}</div>`}</${Panel}>`;
}
