// The chain of responsibility: what the alert did, who was told by which channel and with what result, who acted, what late data
// corrected. Two logs, the alert's history and the delivery log, put in order of time.
import { html, useLoad } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { moment, since } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { now } from '../lib/clock.js';
import { href } from '../lib/route.js';
import { said } from '../lib/said.js';
import { desk } from '../lib/desk.js';
import { isWaiting } from '../lib/alerts.js';
import { Panel } from './panel.js';

/** @param {{events: any[], alert: any, zone: string}} props */
export function Chain({ events, alert, zone }) {
  const told = useLoad(`${alert.id} ${events.length} ${alert.told}`, (signal) => desk.toldOf(alert.id, signal).catch(() => []));
  const lines = [...events.map((event) => ({ at: event.at, event })), ...(told.data ?? []).map((notice) => ({ at: notice.done ?? notice.begun ?? notice.created, notice }))].sort((a, b) => a.at - b.at);
  const open = alert.condition !== 'resolved';
  return html`<${Panel} title=${t('chain.title')} more=${html`<a class="link" href=${href('notices', '', { alert: alert.id })}>${t('chain.log')}</a>`}><ol class="chain">
    ${lines.map(({ at, event, notice }) => (event
      ? html`<li key=${`e${event.id}`} class=${`done${event.what === 'correction' ? ' corrected' : ''}`}>${since(at, zone, now())} ${word('event', event.what)}${event.by ? html` · <bdi>${event.by}</bdi>` : ''}${event.comment ? html`<span><${Comment} text=${said({ text: event.comment, ...event })} /></span>` : ''}</li>`
      : html`<li key=${`n${notice.id}`} class=${notice.state === 'sent' ? 'done' : notice.state === 'dead' ? 'done failed' : ''} data-notice=${notice.id}>${since(at, zone, now())} ${t(`told.${notice.state}`)} <bdi>${notice.recipient || notice.channel}</bdi><span><${Result} notice=${notice} /></span></li>`))}
    ${open && isWaiting(alert) && html`<li>– ${t('chain.waiting')}<span>${t('chain.waitingWords')}</span></li>`}
    ${open && html`<li>– ${t('chain.clears')}<span>${t('chain.clearsWords')}</span></li>`}
    ${!open && alert.human !== 'closed' && html`<li>– ${t('chain.closes')}<span>${t('chain.closesWords')}</span></li>`}
  </ol></${Panel}>`;
}

/** What was said; the desk names a masking alert, or a shelving, by its id, which becomes the way to it. @param {{text: string}} props */
function Comment({ text }) {
  const shelved = /^[0-9a-f]{12}: (.*)$/s.exec(text);
  if (shelved) return html`<a class="link" href=${href('calendar')}><bdi>${shelved[1]}</bdi></a>`;
  const found = /^([0-9a-f]{16}): (.*)$/s.exec(text);
  return found ? html`<a class="link" href=${href('alerts', found[1])}><bdi>${found[2]}</bdi></a>` : html`<bdi>${text}</bdi>`;
}

/** The channel and what became of it, in a line. @param {{notice: any, bare?: boolean}} props bare: without the channel */
export function Result({ notice, bare }) {
  const words = said(notice.said);
  const parts = [!bare && html`<bdi>${notice.channel}</bdi>`, notice.tries > 1 && t('notices.tries', { n: notice.tries }), words && html`<bdi>${words}</bdi>`, notice.due && t('notices.due', { when: moment(notice.due, firstZone()) })].filter(Boolean);
  return html`${parts.map((part, i) => html`${i ? ' · ' : ''}${part}`)}`;
}
