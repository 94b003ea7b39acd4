// One alert as a row: shape, sentence, where and why, how long, and who has it.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { brief, duration, since } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { go, href } from '../lib/route.js';
import { placeOf, zoneOf } from '../lib/facility.js';
import { fresh, isWaiting } from '../lib/alerts.js';
import { amounts, lasted, sentence } from '../lib/sentence.js';
import { Severity, SeverityWord } from './severity.js';

/** Who has it, in words. @param {any} alert */
export function holder(alert) {
  if (alert.condition === 'resolved') return t('human.resolved');
  if (isWaiting(alert)) return t('human.nobody');
  const who = alert.assigned_to || alert.acknowledged_by || '';
  const when = alert.acknowledged_at ? since(alert.acknowledged_at, zoneOf(alert), now()) : '';
  return [who || t('human.acknowledged'), when].filter(Boolean).join(', ');
}

/** @param {{alert: any, picked?: boolean, wide?: boolean, spark?: any, check?: any}} props wide: with every column of the list */
export function AlertRow({ alert, picked, wide, spark, check }) {
  useSecond();
  const zone = zoneOf(alert);
  const address = href('alerts', alert.id);
  const { value, limit } = amounts(alert);
  const why = [placeOf(alert), named(alert.check) || named(alert.why)].filter(Boolean).join(' · ');
  const classes = ['row', alert.severity, isWaiting(alert) && alert.condition === 'firing' ? '' : 'ack', picked ? 'picked' : '', fresh.has(alert.id) ? 'fresh' : ''];
  const open = (/** @type {MouseEvent} */ event) => !(/** @type {HTMLElement} */ (event.target).closest('a, input')) && go(address);
  return html`<tr class=${classes.filter(Boolean).join(' ')} onClick=${open} data-alert=${alert.id}>
    ${check}
    <td class="wrap says"><div class="what"><${Severity} of=${alert.severity} /><div><b><a href=${address}><bdi>${sentence(alert, zone)}</bdi></a></b><span class="why" title=${why}><bdi>${why}</bdi></span></div></div></td>
    ${spark !== undefined && html`<td class="wide-only">${spark}</td>`}
    ${wide && html`<td class="wide-only"><${SeverityWord} of=${alert.severity} /></td>`}
    <td class="num" title=${duration(lasted(alert))}>${brief(lasted(alert))}</td>
    ${wide ? html`<td class="num wide-only">${alert.kind === 'stale' ? '–' : value}</td><td class="num wide-only">${limit}</td>` : html`<td class="num wide-only">${alert.kind === 'stale' ? '–' : value}</td>`}
    <td class="wide-only"><bdi>${holder(alert)}</bdi></td>
  </tr>`;
}
