// What is silent or doubtful: devices that are lost or silent (those behind a silent gateway are counted, not listed), clocks
// that run wrong, values that do not move, points marked uncertain.
import { html, useChange, useLoad } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { alerts, ranked } from '../lib/alerts.js';
import { count, duration } from '../lib/format.js';
import { now, useSecond } from '../lib/clock.js';
import { href } from '../lib/route.js';
import { renewal } from '../lib/live.js';
import { zoneOf } from '../lib/facility.js';
import { sentence } from '../lib/sentence.js';
import { Panel, Empty, Pending } from './panel.js';

/** A clock further off than this is worth a person's look, ms. */
export const CLOCK_OFF = 300_000;
const SHOWN = 7;

/** @param {{branch: string, turn: number}} props */
export function Quiet({ branch, turn }) {
  useChange(alerts);
  useSecond();
  const load = useLoad(`quiet ${branch} ${turn} ${renewal.value}`, (signal) => api.devices(branch, {}, signal));
  const devices = load.data?.devices ?? [];
  const stuck = ranked(branch).filter((alert) => alert.kind === 'stuck');
  const lines = [...silent(devices), ...never(devices), ...stuck.map(still), ...clocks(devices)];
  const points = devices.reduce((sum, device) => sum + device.stale, 0);
  return html`<${Panel} title=${t('quiet.title')} note=${points ? t('quiet.note', { n: points }) : ''} more=${html`<a class="link" href=${href('devices')}>${t('view.devices')}</a>`}>
    ${!load.data ? html`<${Pending} load=${load} />` : !lines.length ? html`<${Empty} title=${t('quiet.none')}>${t('quiet.noneWords')}</${Empty}>` : html`
    <ul class="quiet">${lines.slice(0, SHOWN).map((line) => html`<li key=${line.key}><a href=${line.href}><span class=${line.silent ? 'who silent' : 'who'}>${line.silent && html`<span class="hollow"></span><span class="sr">${t('quality.stale')} </span>`}<bdi>${line.who}</bdi></span><span class="why"><bdi>${line.why}</bdi></span></a></li>`)}</ul>
    ${lines.length > SHOWN && html`<div class="bar"><a class="link" href=${href('devices', '', { state: 'stale' })}>${t('quiet.more', { n: count(lines.length - SHOWN) })}</a></div>`}`}
  </${Panel}>`;
}

/** Silent and lost devices; one behind another silent one is folded into it. @param {any[]} devices */
function silent(devices) {
  const quiet = devices.filter((device) => device.state === 'dead' || device.state === 'stale');
  const ids = new Set(quiet.map((device) => device.id));
  return quiet.filter((device) => !ids.has(device.gateway)).sort((a, b) => (a.seen ?? 0) - (b.seen ?? 0)).map((device) => {
    const behind = quiet.filter((other) => other.gateway === device.id);
    const points = device.stale + behind.reduce((sum, other) => sum + other.stale, 0);
    const v = duration(now() - (device.dead ?? device.seen ?? now()));
    const key = device.state === 'dead' ? 'quiet.dead' : 'quiet.silent';
    return { key: device.id, who: named(device.name) || device.id, href: href('devices', device.id), silent: true, why: `${t(key, { v })} · ${behind.length ? t('quiet.behind', { n: points }) : t('quiet.points', { n: points })}` };
  });
}

/** Devices that never spoke since the start: while a site is set up they are many, so one line. @param {any[]} devices */
function never(devices) {
  const mute = devices.filter((device) => device.state === 'never');
  if (!mute.length) return [];
  const names = mute.slice(0, 3).map((device) => named(device.name) || device.id).join(' · ');
  return [{ key: 'never', who: t('quiet.never', { n: mute.length }), href: href('devices', '', { state: 'never' }), silent: true, why: mute.length > 3 ? `${names} …` : names }];
}

const still = (alert) => ({ key: alert.id, who: sentence(alert, zoneOf(alert)), href: href('alerts', alert.id), silent: false, why: t('quiet.stuck', { v: duration(now() - alert.since) }) });

/** Clocks that run wrong; where there are many it is one cause, and one line. @param {any[]} devices */
function clocks(devices) {
  const off = devices.filter((device) => Math.abs(device.offset ?? 0) > CLOCK_OFF);
  if (off.length <= 3) return off.map(clockOff);
  return [{ key: 'clocks', who: t('quiet.clocks', { n: off.length }), href: href('devices'), silent: false, why: off.slice(0, 3).map((device) => named(device.name) || device.id).join(' · ') + ' …' }];
}

const clockOff = (device) => ({ key: `clock ${device.id}`, who: named(device.name) || device.id, href: href('devices', device.id), silent: false, why: offsetWords(device.offset) });

/** How wrong a device's clock is, in words. @param {number} offset ms, its clock minus ours */
export const offsetWords = (offset) => t(offset > 0 ? 'quiet.ahead' : 'quiet.late', { v: duration(Math.abs(offset)) });
