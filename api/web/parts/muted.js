// Why an alert is not told to people now, in words: masked by another (with the way to it), shelved, in maintenance, chattering.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { since } from '../lib/format.js';
import { now } from '../lib/clock.js';
import { href } from '../lib/route.js';
import { alerts } from '../lib/alerts.js';
import { sentence } from '../lib/sentence.js';
import { said } from '../lib/said.js';
import { zoneOf } from '../lib/facility.js';

/** One reason. @param {{alert: any, reason: any, bare?: boolean}} props bare: text only, where a link already surrounds it */
export function Reason({ alert, reason, bare }) {
  const zone = zoneOf(alert);
  const when = reason.until ? since(reason.until, zone, now()) : '';
  const why = reason.why ? html`${t('muted.colon')}<bdi>${reason.why}</bdi>` : '';
  if (reason.state === 'inhibited') {
    const masking = alerts.value.get(reason.by);
    const words = masking ? sentence(masking, zone) : named(reason.title) || said({ ...reason, text: reason.why, reason: undefined }) || reason.by;
    return html`${t('muted.inhibited')} ${bare || !reason.by ? html`<bdi>${words}</bdi>` : html`<a class="link" href=${href('alerts', reason.by)}><bdi>${words}</bdi></a>`}`;
  }
  if (reason.state === 'chattering') return t('muted.chattering', { n: alert.episodes });
  const shape = `${when ? 'until' : ''}${reason.who ? 'By' : ''}` || 'bare';
  return html`<bdi>${t(`muted.as.${shape}`, { what: t(`muted.${reason.state}`), when, who: reason.who })}</bdi>${why}`;
}

/** The first reason as a line under the sentence of a row. @param {{alert: any}} props */
export function MutedLine({ alert }) {
  const [reason] = alert.reasons ?? [];
  if (!reason || alert.condition === 'resolved') return alert.episodes > 1 ? html`<span class="muted-why">${t('muted.folded', { n: alert.episodes })}</span>` : null;
  return html`<span class="muted-why" data-muted=${reason.state}><${Bell} /><${Reason} alert=${alert} reason=${reason} /></span>`;
}

/** All reasons, for the alert's own view. @param {{alert: any}} props */
export function MutedBox({ alert }) {
  const reasons = alert.condition === 'resolved' ? [] : alert.reasons ?? [];
  if (!reasons.length) return null;
  return html`<ul class="muted-box" aria-label=${t('muted.title')}>${reasons.map((reason) => html`<li key=${`${reason.state}${reason.by}`} data-muted=${reason.state}><${Bell} /><span>${t('muted.not')} <${Reason} alert=${alert} reason=${reason} /></span></li>`)}</ul>`;
}

/** A bell struck through: silenced. */
const Bell = () => html`<svg class="bell" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2a3.6 3.6 0 0 0-3.6 3.6c0 3.6-1.4 4.6-1.4 4.6h10s-1.4-1-1.4-4.6A3.6 3.6 0 0 0 8 2zM6.8 12.6a1.3 1.3 0 0 0 2.4 0M2.5 2.5l11 11" /></svg>`;
