// The registers that a figure was made of, each with its part of it: the way down to intervals and reads. And the meters of the
// node that were not added, with the reason: each kWh is counted once.
import { html, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { valueText } from '../lib/format.js';
import { nodeOf } from '../lib/facility.js';
import { displayOf } from '../lib/units.js';
import { href } from '../lib/route.js';
import { Panel } from './panel.js';

/** How many registers are asked for their part. */
const MOST = 24;

/** @param {{figure: any, span: {start: number, end: number}, period: string}} props */
export function Registers({ figure, span }) {
  const every = [...figure.registers, ...figure.parts];
  const asked = every.slice(0, MOST);
  const load = useLoad(asked.length ? `parts ${asked.join(' ')} ${span.start} ${span.end}` : '', (signal) => Promise.all(asked.map((id) => api.ledger(id, { start: span.start, end: span.end, period: 'year' }, signal).then((found) => found.total, () => undefined))));
  const display = displayOf(figure.unit, figure.value, figure.metric);
  const to = (id) => href('ledger', id, { start: String(span.start), end: String(span.end) });
  return html`<${Panel} title=${t('registers.title')} note=${t('registers.note', { n: figure.registers.length })}>
    <table><tbody>${every.map((id, i) => {
      const value = load.data?.[i];
      const { text, unit } = valueText(value, figure, display);
      return html`<tr key=${id} data-part=${id}><td class="wrap"><a class="link" href=${to(id)}><bdi>${id}</bdi></a>${i >= figure.registers.length ? html` <span class="note">${t('registers.part')}</span>` : ''}</td><td class="num">${i < MOST ? text : ''}${i < MOST && unit ? html`<span class="u">${unit}</span>` : ''}</td></tr>`;
    })}</tbody></table>
    ${figure.left_out.length > 0 && html`<details class="leftout"><summary>${t('registers.left', { n: figure.left_out.length })}</summary><ul>${figure.left_out.map((one) => html`<li key=${one.register}><a class="link" href=${to(one.register)}><bdi>${one.register}</bdi></a> <span class="note">${word('leftout', one.why)}${one.of ? html`: <bdi>${named(nodeOf(`equip:${one.of}`)?.name) || one.of}</bdi>` : ''}</span></li>`)}</ul></details>`}</${Panel}>`;
}
