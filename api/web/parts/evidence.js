// What an interval rests on: the links between good reads, every read with its times, and of those put aside the reason.
import { html, useLoad, useState } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { duration, exact, number } from '../lib/format.js';
import { arrived, fromTo } from '../lib/spanwords.js';
import { registerOf } from '../lib/units.js';
import { Panel, Pending } from './panel.js';

/** Rows that are listed at once. */
const MOST = 300;

/** @param {{point: string, interval: any, unit: string, metric: string, zone: string}} props */
export function Evidence({ point, interval, unit, metric, zone }) {
  const [all, setAll] = useState(false);
  const load = useLoad(`evidence ${point} ${interval.start} ${interval.end}`, (signal) => api.evidence(point, { start: interval.start, end: interval.end }, signal));
  const title = t('evidence.title');
  if (!load.data) return html`<${Panel} title=${title}><${Pending} load=${load} /></${Panel}>`;
  const { reads, links, declarations } = load.data;
  const display = registerOf(unit, metric);
  const say = (v) => `${number(v * display.factor, 2)} ${display.symbol}`;
  const thrown = reads.filter((one) => one.label);
  const odd = links.filter((one) => one.kind !== 'measured' || one.end - one.start > 1.5 * usual(links));
  const listed = (all || !thrown.length ? reads : thrown).slice(0, MOST);
  return html`<${Panel} title=${title} note=${fromTo(interval.start, interval.end, zone)}>
    <dl class="facts"><dt>${t('evidence.method')}</dt><dd>${word('method', interval.method)} · ${t('evidence.confidence', { v: number(interval.confidence * 100, 1) })}</dd>
      <dt>${t('evidence.links')}</dt><dd>${t('evidence.linksWords', { n: links.length })}</dd>
      <dt>${t('evidence.reads')}</dt><dd data-reads=${reads.length}>${t('evidence.readsWords', { n: reads.length })}${thrown.length ? ` · ${t('evidence.thrown', { n: thrown.length })}` : ''}</dd></dl>
    ${odd.length > 0 && html`<table><thead><tr><th>${t('evidence.link')}</th><th class="num">${t('energy.consumption')}</th><th class="num">${t('evidence.bounds')}</th></tr></thead><tbody>${odd.slice(0, 40).map((one) => html`<tr key=${one.start} data-link=${one.kind}><td class="wrap">${word('link', one.kind)} <span class="note">${fromTo(one.start, one.end, zone)} · ${duration(one.end - one.start)}</span></td><td class="num">${say(one.consumption)}</td><td class="num note">${one.low === one.high ? '–' : `${say(one.low)} – ${say(one.high)}`}</td></tr>`)}</tbody></table>`}
    ${declarations.length > 0 && html`<ul class="chain">${declarations.map((one) => html`<li key=${one.number} class="done">${word('declared', one.kind)}<span>${exact(one.at, zone)} · ${one.by}${one.reason ? ` · ${one.reason}` : ''}</span></li>`)}</ul>`}
    ${thrown.length > 0 && html`<div class="bar"><span class="choice" role="group" aria-label=${t('evidence.which')}><button aria-pressed=${!all} onClick=${() => setAll(false)}>${t('evidence.onlyThrown')}</button><button aria-pressed=${all} onClick=${() => setAll(true)}>${t('evidence.allReads')}</button></span></div>`}
    <div class="scroll-x long-table"><table class="reads"><thead><tr><th>${t('evidence.at')}</th><th class="num">${t('evidence.value')}</th><th>${t('evidence.label')}</th></tr></thead>
      <tbody>${listed.map((one) => html`<tr key=${`${one.at} ${one.received} ${one.value}`} data-label=${one.label}><td>${exact(one.at, zone)}<span class="note received">${t('evidence.received', { v: arrived(one.received, one.at, zone) })}</span></td><td class="num" title=${one.raw === one.value ? null : t('evidence.raw', { v: number(one.raw, 0) })}>${say(one.value)}</td>
        <td class="wrap">${one.label ? html`<span class="beyond" title=${word('labelwhy', one.label)}>${word('label', one.label)}</span> <span class="note">${word('labelwhy', one.label)}</span>` : t('evidence.good')}${one.source === 'manual' ? ` · ${t('evidence.manual')}` : ''}</td></tr>`)}</tbody></table></div>
    ${reads.length > listed.length && (all || !thrown.length) ? html`<div class="legend">${t('evidence.first', { n: MOST, all: number(reads.length, 0) })}</div>` : null}</${Panel}>`;
}

/** The usual distance of two good reads, ms. @param {any[]} links */
function usual(links) {
  const sizes = links.map((one) => one.end - one.start).sort((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)] || Infinity;
}
