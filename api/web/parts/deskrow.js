// One alert as a row of the desk: what, where, why it is not told; how long, what it costs a day, the value, who has it.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { brief, duration, exact, moment } from '../lib/format.js';
import { useSecond } from '../lib/clock.js';
import { go, href } from '../lib/route.js';
import { placeOf, zoneOf } from '../lib/facility.js';
import { fresh, isWaiting } from '../lib/alerts.js';
import { amounts, lasted, sentence } from '../lib/sentence.js';
import { perDay } from '../lib/cost.js';
import { holder } from './alertrow.js';
import { MutedLine } from './muted.js';
import { Severity } from './severity.js';

/** @param {{alert: any, over: boolean, at: boolean, chosen: boolean, toggle: (id: string, reach: boolean) => void}} props over: a row of the list of what is over; at: the keyboard stands on it */
export function DeskRow({ alert, over, at, chosen, toggle }) {
  useSecond();
  const zone = zoneOf(alert);
  const address = href('alerts', alert.id);
  const { value, worst } = amounts(alert);
  const said = sentence(alert, zone);
  const why = [placeOf(alert), named(alert.check) || named(alert.why)].filter(Boolean).join(' · ');
  const quiet = !isWaiting(alert) || alert.condition !== 'firing' || alert.delivery !== 'deliverable' || alert.gone;
  const classes = ['row', alert.severity, quiet ? 'ack' : '', at ? 'picked' : '', fresh.has(alert.id) ? 'fresh' : '', alert.gone ? 'gone' : ''];
  const open = (/** @type {MouseEvent} */ event) => !(/** @type {HTMLElement} */ (event.target).closest('a, input, label')) && go(address);
  const shown = alert.kind === 'stale' ? '–' : over ? worst : value;
  return html`<tr class=${classes.filter(Boolean).join(' ')} onClick=${open} data-alert=${alert.id}>
    <td class="check"><input type="checkbox" aria-label=${t('alerts.pick', { what: said })} checked=${chosen} onClick=${(event) => toggle(alert.id, event.shiftKey)} /></td>
    <td class="wrap says"><div class="what"><${Severity} of=${alert.severity} /><div><b><a href=${address}><bdi>${said}</bdi></a></b>
      <span class="why" title=${why}><bdi>${why}</bdi></span><${MutedLine} alert=${alert} />
      <span class="phone-only why">${[shown === '–' ? '' : shown, alert.cost ? t('cost.aDay', { v: perDay(alert) }) : '', holder(alert)].filter(Boolean).join(' · ')}</span></div></div></td>
    ${over && html`<td class="num" title=${exact(alert.since, zone)}>${moment(alert.since, zone)}</td>`}
    <td class="num" title=${duration(lasted(alert))}>${brief(lasted(alert))}</td>
    <td class="num wide-only">${perDay(alert)}</td>
    <td class="num wide-only">${shown}</td>
    <td class="wide-only who"><bdi>${alert.gone ? t('human.resolved') : stateOf(alert)}</bdi><${Verdict} alert=${alert} /></td>
  </tr>`;
}

/** Who has it and how far he is. @param {any} alert */
function stateOf(alert) {
  const who = holder(alert);
  if (alert.human === 'closed') return t('human.closedBy', { who: alert.closed_by || t('human.somebody') });
  if (alert.condition === 'resolved') return isWaiting(alert) ? t('human.unseen') : who;
  return alert.human === 'in_progress' ? `${who} · ${t('human.in_progress')}` : who;
}

/** What somebody said of the episode. @param {{alert: any}} props */
export const Verdict = ({ alert }) => (alert.label === null || alert.label === undefined ? null : html`<span class="verdict">${t(`label.${alert.label}`)}</span>`);
