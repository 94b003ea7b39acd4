// One vehicle: how it stands, what is wrong or due, and its trips with distance, idling and what they took from the tank.
import { html, useChange, useEffect, useLoad } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { alerts, ranked } from '../lib/alerts.js';
import { looking, nodeOf, zoneOf } from '../lib/facility.js';
import { clock, duration, measure, moment } from '../lib/format.js';
import { renewal } from '../lib/live.js';
import { go, here, href, route } from '../lib/route.js';
import { api } from '../lib/api.js';
import { now } from '../lib/clock.js';
import { useBeat } from '../lib/beat.js';
import { useKeys } from '../lib/keys.js';
import { AlertRow } from '../parts/alertrow.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { VehicleState, awayWords, kilometres, levelWords, speedWords } from './fleet.js';

const SPANS = { '24h': 1, '7d': 7, '30d': 30 };
const DAY = 86_400_000;

/** @param {{id: string}} props */
export function VehicleView({ id }) {
  useChange(alerts);
  useChange(renewal);
  const key = `equip:${id}`;
  const turn = useBeat(10_000);
  const load = useLoad(`vehicle ${id} ${turn} ${renewal.value}`, (signal) => api.fleet(key, signal));
  useEffect(() => looking.set(key), [key]);
  useKeys({ Escape: () => go(href('fleet')) });
  const vehicle = load.data?.vehicles[0];
  if (!load.data) return html`<section class="panel"><h1 class="sr">${id}</h1><${Pending} load=${load} /></section>`;
  if (!vehicle) return html`<section class="panel"><h1 class="sr">${id}</h1><${Empty} title=${t('fleet.empty')}>${t('fleet.emptyWords')} <a class="link" href=${href('fleet')}>${t('view.fleet')}</a></${Empty}></section>`;
  const zone = zoneOf({ node: key });
  const wrong = ranked(key);
  return html`<section class="panel lede"><h1><bdi>${named(vehicle.name) || id}</bdi> <small><bdi>${vehicle.plate}</bdi></small></h1><${Face} vehicle=${vehicle} /></section>
    <div class="cols"><div class="stack"><${Trips} id=${id} zone=${zone} turn=${Math.floor(turn / 6)} /></div>
      <div class="stack"><${Panel} title=${t('fleet.wrong')} more=${html`<a class="link" href=${href('alerts', '', { branch: key, state: 'resolved' })}>${t('fleet.past')}</a>`}>
        ${wrong.length ? html`<table class="narrow"><tbody>${wrong.map((alert) => html`<${AlertRow} key=${alert.id} alert=${alert} />`)}</tbody></table>` : html`<div class="empty">${t('fleet.fine')}</div>`}</${Panel}>
      <${Panel} title=${t('fleet.points')} more=${html`<a class="link" href=${href('places', '', { branch: key })}>${t('view.places')}</a>`}><div class="empty">${t('fleet.pointsWords', { n: nodeOf(key)?.points ?? 0 })}</div></${Panel}></div></div>`;
}

function Face({ vehicle }) {
  const facts = [
    [t('points.state'), html`<${VehicleState} vehicle=${vehicle} />`], [t('fleet.away'), awayWords(vehicle.away)],
    [t('fleet.fuel'), levelWords(vehicle)], [t('fleet.today'), kilometres(vehicle.today)], [t('fleet.odometer'), kilometres(vehicle.odometer)],
  ];
  return html`<div class="face">${facts.map(([name, words]) => html`<span key=${name}><span class="label">${name}</span>${words}</span>`)}</div>`;
}

function Trips({ id, zone, turn }) {
  const span = route.value.query.span in SPANS ? route.value.query.span : '24h';
  const load = useLoad(`trips ${id} ${span} ${turn} ${renewal.value}`, (signal) => { const end = now(); return api.trips(id, Math.round(end - SPANS[span] * DAY), Math.round(end), signal); });
  const trips = load.data?.trips ?? [];
  const sum = (name) => trips.reduce((all, trip) => all + (trip[name] ?? 0), 0);
  const choice = html`<span class="choice" role="group" aria-label=${t('history.range')}>${Object.keys(SPANS).map((key) => html`<a key=${key} href=${here({ span: key === '24h' ? undefined : key })} aria-current=${span === key ? 'true' : null}>${key === '24h' ? t('time.h', { v: 24 }) : t('time.d', { v: SPANS[key] })}</a>`)}</span>`;
  return html`<${Panel} title=${t('fleet.trips')} note=${load.data ? t('fleet.tripsNote', { n: trips.length }) : ''} more=${choice}>
    ${!load.data ? html`<${Pending} load=${load} />` : !trips.length ? html`<${Empty} title=${t('fleet.noTrip')}>${t('fleet.noTripWords')}</${Empty}>` : html`<div class="scroll-x"><table class="trips">
      <thead><tr><th>${t('fleet.when')}</th><th class="num">${t('fleet.distance')}</th><th class="num wide-only">${t('fleet.driving')}</th><th class="num">${t('fleet.idling')}</th><th class="num wide-only">${t('fleet.top')}</th><th class="num wide-only">${t('fleet.tank')}</th><th class="num wide-only">${t('fleet.ended')}</th></tr></thead>
      <tbody>${trips.map((trip) => html`<tr key=${trip.start} data-trip=${trip.start}><td>${moment(trip.start, zone)} – ${trip.running ? t('fleet.running') : clock(trip.end, zone)}</td><td class="num">${kilometres(trip.distance)}</td><td class="num wide-only">${duration(trip.driving)}</td><td class="num">${trip.idling ? duration(trip.idling) : '–'}</td>
        <td class="num wide-only">${speedWords(trip.top)}</td><td class="num wide-only">${trip.fuel === null ? '–' : `${trip.fuel > 0 ? '+' : ''}${measure(trip.fuel, { unit: 'ratio' })}`}</td><td class="num wide-only">${awayWords(trip.away)}</td></tr>`)}
      <tr class="sum"><td><b>${t('fleet.together')}</b></td><td class="num"><b>${trips.some((trip) => trip.distance !== null) ? kilometres(sum('distance')) : '–'}</b></td><td class="num wide-only"><b>${duration(sum('driving'))}</b></td><td class="num"><b>${duration(sum('idling'))}</b></td><td class="wide-only"></td><td class="wide-only"></td><td class="wide-only"></td></tr></tbody></table></div>`}
  </${Panel}>`;
}
