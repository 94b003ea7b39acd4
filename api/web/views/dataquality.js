// How good the data are: points by state, what was rejected and why, and the way they come: brokers, store, spool, jobs.
import { html, useLoad } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, count, exact, number } from '../lib/format.js';
import { firstZone } from '../lib/facility.js';
import { now } from '../lib/clock.js';
import { href, route } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { said } from '../lib/said.js';
import { Severity } from '../parts/severity.js';
import { Panel, Pending } from '../parts/panel.js';

const STATES = ['fresh', 'stale', 'dead', 'none'];

export function DataQuality() {
  const { branch = '' } = route.value.query;
  const turn = useBeat(10_000);
  const load = useLoad(`quality ${branch} ${turn}`, (signal) => Promise.all([api.summary(branch, signal), api.server(signal), api.quarantine({ limit: 1 }, signal)]));
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const [summary, server, kept] = load.data;
  return html`<div class="cols">
    <div class="stack"><${Points} points=${summary.points} /><${Rejects} counts=${kept.counts} /></div>
    <div class="stack"><${Ways} server=${server} /></div></div>`;
}

function Points({ points }) {
  const share = (n) => (points.total ? `${number((n / points.total) * 100, 1)} %` : '–');
  return html`<${Panel} title=${t('quality.points')} note=${t('points.note', { n: points.total })}><table><tbody>
    ${STATES.map((state) => html`<tr key=${state}><td><a class="link" href=${href('places', '', { state })}>${t(`points.state.${state}`)}</a></td><td class="wrap note wide-only">${t(`quality.means.${state}`)}</td><td class="num">${count(points[state])}</td><td class="num">${share(points[state])}</td></tr>`)}</tbody></table></${Panel}>`;
}

function Rejects({ counts }) {
  const reasons = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  return html`<${Panel} title=${t('quality.rejects')} note=${t('quality.sinceStart')}>${reasons.length ? html`<table><tbody>${reasons.map(([reason, n]) => html`<tr key=${reason}><td class="wrap"><a class="link" href=${href('devices', '', { tab: 'quarantine', reason })}>${word('reason', reason)}</a></td><td class="num">${count(n)}</td></tr>`)}</tbody></table>` : html`<div class="empty">${t('quarantine.none')}</div>`}</${Panel}>`;
}

/** What is wrong with the service itself is told here, in its own words. */
function Ways({ server }) {
  const zone = firstZone();
  const { storage } = server;
  return html`<${Panel} title=${t('quality.service')} note=${server.version}>
    ${server.said.map((one) => html`<div class="trouble" key=${one.text}><${Severity} of="high" /><span class="wrap"><bdi>${said(one)}</bdi></span></div>`)}
    <dl class="facts">
      ${server.brokers.map((broker) => html`<dt>${t('devices.broker')} <bdi>${broker.id}</bdi></dt><dd>${broker.connected ? t('quality.connected') : html`<span class="t-high">${t('quality.disconnected')}</span>`} <span class="note"><bdi>${broker.url}</bdi> ${said(broker.said)}</span></dd>`)}
      <dt>${t('quality.newest')}</dt><dd>${server.newest ? age(now() - server.newest) : '–'}</dd>
      <dt>${t('quality.store')}</dt><dd>${storage.engine ? word('engine', storage.engine) : '–'}${storage.samples ? ` · ${t('quality.samples', { n: storage.samples })}` : ''}${storage.error ? html` <span class="t-high"><bdi>${said(storage.said)}</bdi></span>` : ''}</dd>
      <dt>${t('quality.spool')}</dt><dd>${storage.spool_limit ? `${number(storage.spool_bytes / 1e6, 1)} / ${number(storage.spool_limit / 1e6, 0)} MB` : '–'}</dd>
      ${server.jobs.map((job) => html`<dt>${t('quality.job')} <bdi>${word('job', job.name)}</bdi></dt><dd>${job.last_good ? exact(job.last_good, zone) : '–'} <span class="note">${job.error ? said(job.said) : said({ text: job.schedule, ...job })}</span></dd>`)}
    </dl></${Panel}>`;
}
