// Episodes of a rule over time: a line a target, the busiest first, coloured by severity; a click opens the alert.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { clock, duration, moment } from '../lib/format.js';
import { locale } from '../lib/i18n.js';
import { midnights } from '../lib/when.js';
import { nodeOf } from '../lib/facility.js';
import { lasted } from '../lib/sentence.js';
import { go, href } from '../lib/route.js';

const DAY = 86_400_000;
/** So many targets have a line of their own. */
const LINES = 8;
const HEIGHT = 22;

/** @param {{alerts: any[], from: number, to: number, zone: string}} props */
export function Timeline({ alerts, from, to, zone }) {
  const groups = new Map();
  for (const alert of alerts) groups.set(alert.target, [...(groups.get(alert.target) ?? []), alert]);
  const lines = [...groups.entries()].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1)).slice(0, LINES);
  const x = (ms) => Math.max(0, Math.min(1000, ((ms - from) / (to - from)) * 1000));
  const label = t('rule.timelineSays', { n: alerts.length, a: moment(from, zone), b: moment(to, zone), all: String(groups.size) });
  return html`<div class="timeline" role="group" aria-label=${label}>
    ${lines.map(([target, own]) => html`<div class="tl" key=${target}><span class="tl-name"><bdi>${named(nodeOf(own[0].node)?.name) || target}</bdi></span>
      <svg viewBox=${`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true"><line x1="0" x2="1000" y1=${HEIGHT / 2} y2=${HEIGHT / 2} />
        ${own.map((alert) => html`<rect key=${alert.id} class=${`e-${alert.severity}${alert.label === false ? ' wrong' : ''}`} x=${x(alert.since)} width=${Math.max(2.5, x(alert.resolved ?? to) - x(alert.since))} y="5" height="12" onClick=${() => go(href('alerts', alert.id))}><title>${`${moment(alert.since, zone)} · ${duration(lasted(alert))}`}</title></rect>`)}</svg></div>`)}
    <div class="tl"><span></span><div class="tl-axis">${ticks(from, to, zone).map(({ at, words }, i) => html`<span key=${at} class=${i % 2 ? 'wide-only' : ''} style=${{ left: `${x(at) / 10}%` }}>${words}</span>`)}</div></div>
    ${groups.size > LINES && html`<p class="note under">${t('rule.timelineMore', { n: groups.size - LINES })}</p>`}
  </div>`;
}

/** Midnights, about six of them. */
function ticks(from, to, zone) {
  const days = Math.max(1, Math.round((to - from) / DAY));
  const step = Math.max(1, Math.ceil(days / 6));
  const date = new Intl.DateTimeFormat(locale(), { timeZone: zone || undefined, day: 'numeric', month: 'short' });
  return midnights(from + DAY, days, zone).filter((at, i) => i % step === 0 && at < to - step * DAY * 0.35).map((at) => ({ at, words: days < 2 ? clock(at, zone) : date.format(at) }));
}
