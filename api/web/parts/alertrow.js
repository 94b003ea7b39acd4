// One alert as a row: shape, sentence, where and why, how long, and who has it.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { brief, duration, since } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { go, href } from '../lib/route.js';
import { placeOf, zoneOf } from '../lib/facility.js';
import { fresh, isWaiting } from '../lib/alerts.js';
import { amounts, lasted, sentence } from '../lib/sentence.js';
import { MutedLine } from './muted.js';
import { Severity } from './severity.js';

/** Who has it, in words. @param {any} alert */
export function holder(alert) {
  if (alert.condition === 'resolved') return t('human.resolved');
  if (isWaiting(alert)) return t('human.nobody');
  const who = alert.assigned_to || alert.acknowledged_by || '';
  const when = alert.acknowledged_at ? since(alert.acknowledged_at, zoneOf(alert), now()) : '';
  return [who || t('human.acknowledged'), when].filter(Boolean).join(', ');
}

/** @param {{alert: any, spark?: any}} props */
export function AlertRow({ alert, spark }) {
  useSecond();
  const zone = zoneOf(alert);
  const address = href('alerts', alert.id);
  const { value } = amounts(alert);
  const why = [placeOf(alert), named(alert.check) || named(alert.why)].filter(Boolean).join(' · ');
  const classes = ['row', alert.severity, isWaiting(alert) && alert.condition === 'firing' && alert.delivery === 'deliverable' ? '' : 'ack', fresh.has(alert.id) ? 'fresh' : ''];
  const open = (/** @type {MouseEvent} */ event) => !(/** @type {HTMLElement} */ (event.target).closest('a, input')) && go(address);
  return html`<tr class=${classes.filter(Boolean).join(' ')} onClick=${open} data-alert=${alert.id}>
    <td class="wrap says"><div class="what"><${Severity} of=${alert.severity} /><div><b><a href=${address}><bdi>${sentence(alert, zone)}</bdi></a></b><span class="why" title=${why}><bdi>${why}</bdi></span><${MutedLine} alert=${alert} /></div></div></td>
    ${spark !== undefined && html`<td class="wide-only">${spark}</td>`}
    <td class="num" title=${duration(lasted(alert))}>${brief(lasted(alert))}</td>
    <td class="num wide-only">${alert.kind === 'stale' ? '–' : value}</td>
    <td class="wide-only who" title=${holder(alert)}><bdi>${holder(alert)}</bdi></td>
  </tr>`;
}
