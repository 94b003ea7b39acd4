// The balance of the feeds: what a meter supplied against the nearest meters below it; what is left is unaccounted, and it is
// called a finding only where it is larger than the meters' class allows.
import { html, useLoad } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { valueText } from '../lib/format.js';
import { nodeOf } from '../lib/facility.js';
import { percent } from '../lib/energy.js';
import { displayOf } from '../lib/units.js';
import { Doubts } from './doubts.js';
import { Empty, Panel, Pending } from './panel.js';

/** @param {{site: string, metric: string, span: {start: number, end: number}, register: (id: string) => any}} props */
export function Balance({ site, metric, span, register }) {
  const load = useLoad(`balance ${site} ${metric} ${span.start} ${span.end}`, (signal) => api.balance(site, { metric, start: span.start, end: span.end }, signal));
  if (!load.data) return html`<${Panel} title=${t('balance.title')}><${Pending} load=${load} /></${Panel}>`;
  const { rows, unit, meter_class: accuracy } = load.data;
  if (!rows.length) return html`<${Panel} title=${t('balance.title')}><${Empty} title=${t('balance.none')}>${t('balance.noneWords')}</${Empty}></${Panel}>`;
  const display = displayOf(unit, Math.max(...rows.map((row) => Math.abs(row.supplied))), metric);
  const say = (v) => {
    const { text, unit: symbol } = valueText(v, { unit, metric }, display);
    return html`${text}<span class="u">${symbol}</span>`;
  };
  return html`<${Panel} title=${t('balance.title')} note=${t('balance.note', { v: percent(accuracy) })}><div class="scroll-x"><table>
    <thead><tr><th>${t('balance.node')}</th><th class="num">${t('balance.supplied')}</th><th class="num wide-only">${t('balance.accounted')}</th><th class="num">${t('balance.rest')}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.nodes.join()} data-balance=${row.nodes.join()}>
      <td class="wrap"><details><summary>${row.nodes.map((id, i) => html`${i ? ' + ' : ''}<bdi>${named(nodeOf(`equip:${id}`)?.name) || id}</bdi>`)} <span class="note">${t('balance.below', { n: row.children.length })}</span></summary>
        <ul class="childmeters">${row.children.map((child) => html`<li key=${child.node}><bdi>${named(nodeOf(`equip:${child.node}`)?.name) || child.node}</bdi> ${say(child.value)} <span class="note">${child.registers.map(register)}</span></li>`)}</ul></details><div class="marks"><${Doubts} quality=${row.quality} /></div></td>
      <td class="num">${say(row.supplied)}</td><td class="num wide-only">${say(row.accounted)}</td>
      <td class="num wrap"><span class=${row.significant && row.clear ? 'beyond' : ''}>${say(row.unaccounted)}</span> <span class="note">± ${say(row.uncertainty)} · ${percent(row.share)}</span>${row.significant && row.clear ? html`<div class="beyond">${t('balance.beyond')}</div>` : ''}</td></tr>`)}</tbody></table></div></${Panel}>`;
}
