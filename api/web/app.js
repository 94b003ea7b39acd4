// The page's frame: rail, head, the view that the address names, dialogs, and what screen readers are told.
import { html, render, useChange, useEffect, useRef, useState } from './lib/html.js';
import { language, t } from './lib/i18n.js';
import { go, href, route } from './lib/route.js';
import { useKeys } from './lib/keys.js';
import { facility, loadFacility } from './lib/facility.js';
import { loadAlerts } from './lib/alerts.js';
import { announced, toast } from './lib/say.js';
import { connect } from './lib/live.js';
import { HOME, Rail, VIEWS } from './parts/rail.js';
import { lazy } from './lib/lazy.js';
import { Head } from './parts/head.js';
import { Dropped } from './parts/dropped.js';
import { Find } from './parts/find.js';
import { Help } from './parts/help.js';
import { Empty } from './parts/panel.js';
import { Now } from './views/now.js';
import { Places } from './views/places.js';
import { Alerts } from './views/alerts.js';

// what is not shown first is loaded when it is shown
const CalendarView = lazy('CalendarView', () => import('./views/calendar.js'));
const Notices = lazy('Notices', () => import('./views/notices.js'));
const Rules = lazy('Rules', () => import('./views/rules.js'));
const RuleView = lazy('RuleView', () => import('./views/rule.js'));
const Bills = lazy('Bills', () => import('./views/bills.js'));
const Fleet = lazy('Fleet', () => import('./views/fleet.js'));
const VehicleView = lazy('VehicleView', () => import('./views/vehicle.js'));
const Energy = lazy('Energy', () => import('./views/energy.js'));
const Ledger = lazy('Ledger', () => import('./views/ledger.js'));
const Reports = lazy('Reports', () => import('./views/reports.js'));
const Meters = lazy('Meters', () => import('./views/meters.js'));
const Devices = lazy('Devices', () => import('./views/devices.js'));
const Settings = lazy('Settings', () => import('./views/settings.js'));
const PointView = lazy('PointView', () => import('./views/point.js'));
const AlertView = lazy('AlertView', () => import('./views/alert.js'));

/** Views with a name of their own. */
const NAMED = new Set([...VIEWS, ...Object.keys(HOME).filter((name) => name !== 'point')]);

/** @param {import('./lib/route.js').Route} at */
function view({ view: name, item }) {
  if (name === 'places') return html`<${Places} />`;
  if (name === 'point') return html`<${PointView} key=${item} id=${item} />`;
  if (name === 'alerts') return item ? html`<${AlertView} key=${item} id=${item} />` : html`<${Alerts} />`;
  if (name === 'calendar') return html`<${CalendarView} />`;
  if (name === 'notices') return html`<${Notices} />`;
  if (name === 'rules') return item ? html`<${RuleView} key=${item} id=${item} />` : html`<${Rules} />`;
  if (name === 'fleet') return item ? html`<${VehicleView} key=${item} id=${item} />` : html`<${Fleet} />`;
  if (name === 'energy') return html`<${Energy} item=${item} />`;
  if (name === 'ledger' && item) return html`<${Ledger} key=${item} id=${item} />`;
  if (name === 'bills') return html`<${Bills} item=${item} />`;
  if (name === 'reports') return html`<${Reports} />`;
  if (name === 'meters') return html`<${Meters} />`;
  if (name === 'devices') return html`<${Devices} item=${item} />`;
  if (name === 'settings') return html`<${Settings} />`;
  if (name === 'now') return html`<${Now} />`;
  return html`<section class="panel"><${Empty} title=${t('lost.title')}>${t('lost.words')} <a class="link" href="#/now">${t('view.now')}</a></${Empty}></section>`;
}

function App() {
  useChange(language);
  useChange(route);
  useChange(facility);
  const [dialog, setDialog] = useState('');
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  useKeys({
    '/': () => setDialog('find'), 'Ctrl-K': () => setDialog('find'), '?': () => setDialog('help'),
    'g n': () => go(href('now')), 'g p': () => go(href('places')), 'g a': () => go(href('alerts')), 'g d': () => go(href('devices')), 'g e': () => go(href('energy')), 'g u': () => go(href('rules')), 'g r': () => go(href('reports')), 'g b': () => go(href('bills')), 'g f': () => go(href('fleet')),
  });
  const { view: name, item } = route.value;
  useEffect(() => {
    document.title = `${t(`view.${NAMED.has(name) ? name : 'places'}`)} · Steward`;
  });
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest('.main')) main.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [name, item]);
  const close = () => setDialog('');
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.focus(); }}>${t('rail.skip')}</a>
    <div class="frame">
      <${Rail} />
      <div class="body">
        <${Dropped} />
        <main class="main" id="main" tabindex="-1" ref=${main}>
          <${Head} onFind=${() => setDialog('find')} onHelp=${() => setDialog('help')} />
          ${!item && NAMED.has(name) && html`<h1 class="sr">${t(`view.${name}`)}</h1>`}
          ${view(route.value)}
        </main>
      </div>
    </div>
    ${dialog === 'find' && html`<${Find} onClose=${close} />`}
    ${dialog === 'help' && html`<${Help} onClose=${close} />`}
    <${Said} />`;
}

/** What is announced politely, and the short message at the bottom. */
function Said() {
  useChange(announced);
  useChange(toast);
  return html`<div class="sr" aria-live="polite" id="announced">${announced.value}</div>
    <div role="status">${toast.value && html`<div class="toast">${toast.value}</div>`}</div>`;
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
loadFacility();
loadAlerts();
connect();
