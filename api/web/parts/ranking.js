// Like buildings beside like ones: the least per m2 first, and why one has no rank.
import { html, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { valueText } from '../lib/format.js';
import { displayOf } from '../lib/units.js';
import { href, route } from '../lib/route.js';
import { Empty, Panel, Pending } from './panel.js';

/** @param {{metric: string, span: {start: number, end: number}}} props */
export function Ranking({ metric, span }) {
  const load = useLoad(`ranking ${metric} ${span.start} ${span.end}`, (signal) => api.ranking({ metric, start: span.start, end: span.end }, signal));
  if (!load.data) return html`<${Panel} title=${t('ranking.title')}><${Pending} load=${load} /></${Panel}>`;
  const { rows, least, unit } = load.data;
  if (!rows.length) return html`<${Panel} title=${t('ranking.title')}><${Empty} title=${t('ranking.none')}>${t('ranking.noneWords')}</${Empty}></${Panel}>`;
  const display = displayOf(unit, Math.max(0, ...rows.map((row) => row.value ?? 0)), metric);
  return html`<${Panel} title=${t('ranking.title')} note=${t('ranking.note', { n: least })}><table><tbody>${rows.map((row) => html`<tr key=${row.site}>
    <td class="wrap"><a class="link" href=${href('energy', `site:${row.site}`, route.value.query)}><bdi>${named(row.name) || row.site}</bdi></a> <span class="note">${word('use', row.use)}</span></td>
    <td class="num">${row.value === null ? '–' : html`${valueText(row.value, { unit, metric }, display).text}<span class="u">${display.symbol}/m²</span>`}</td>
    <td class="num">${row.rank === null ? html`<span class="note">${word('nofigure', row.reason)}</span>` : t('ranking.rank', { rank: row.rank, of: row.of })}</td></tr>`)}</tbody></table></${Panel}>`;
}
