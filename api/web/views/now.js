// Now: what is wrong, since when, what hangs on it, is it real. Totals with what is usual at this hour, alerts ranked, what is
// silent or doubtful, and the sites.
import { html, useChange, useLoad } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { alerts, alertsLoaded, isWaiting, ranked } from '../lib/alerts.js';
import { facility, firstZone } from '../lib/facility.js';
import { zoneOffset } from '../lib/format.js';
import { now } from '../lib/clock.js';
import { useBeat } from '../lib/beat.js';
import { href, route } from '../lib/route.js';
import { loadStatus, renewal } from '../lib/live.js';
import { sumSeries, usualNow } from '../lib/overview.js';
import { flowOf, trendOf, trendsChanged } from '../lib/trends.js';
import { AlertRow } from '../parts/alertrow.js';
import { Empty, Panel, Pending } from '../parts/panel.js';
import { Spark } from '../parts/spark.js';
import { Quiet } from '../parts/quiet.js';
import { Sites } from '../parts/sites.js';
import { Strip } from '../parts/strip.js';

/** How many alerts the view shows; the rest is one click away. */
const SHOWN = 8;
/** How many meters' fortnight is asked for to say what is usual; a city's thousands would cost more than the band is worth. */
const LEARNED = 200;
const DAY = 86_400_000;

export function Now() {
  useChange(alerts);
  useChange(alertsLoaded);
  useChange(trendsChanged);
  useChange(renewal);
  const branch = route.value.query.branch ?? '';
  const turn = useBeat(60_000);
  const summary = useLoad(`summary ${branch} ${turn} ${renewal.value}`, (signal) => api.summary(branch, signal));
  const sites = useLoad(`sites ${branch} ${turn} ${renewal.value}`, (signal) => api.sites(branch, signal));
  useLoad(facility.value.ready ? `status ${branch} ${renewal.value}` : '', (signal) => loadStatus(branch, signal));
  const meters = sites.data?.sites.flatMap((site) => site.power_points) ?? [];
  const zone = firstZone(branch);
  const past = useLoad(meters.length && meters.length <= LEARNED ? `past ${meters.join(' ')} ${Math.floor(now() / 3_600_000)}` : '', (signal) => api.windows(meters, now() - 14 * DAY, now(), '1h', signal));
  const usual = (/** @type {string[]} */ points) => (past.data && points.length ? usualNow(sumSeries(points.map((id) => columns(past.data.get(id)))), now(), zoneOffset(now(), zone)) : undefined);
  const open = ranked(branch);
  return html`<${Strip} summary=${summary.data} usual=${usual} branch=${branch} />
    <div class="cols">
      <${Panel} title=${t('now.wrong')} note=${open.length ? t('now.wrongNote', { n: open.length }) : ''} more=${html`<a class="link" href=${href('alerts')}>${t('now.allAlerts')}</a>`}>
        <${Wrong} open=${open} />
      </${Panel}>
      <${Quiet} branch=${branch} turn=${turn} />
    </div>
    <${Sites} load=${sites} usual=${usual} />`;
}

/** The day behind an alert's first point; of a register, what flowed. */
function trendFor(alert) {
  const trend = alert.points[0] ? trendOf(alert.points[0]) : undefined;
  return ['energy', 'water', 'gas', 'heat'].includes(alert.metric) ? flowOf(trend) : trend;
}

const columns = (series) => ({ at: series?.start ?? [], value: series?.mean ?? [] });

function Wrong({ open }) {
  if (!alertsLoaded.value) return html`<${Pending} load=${{ data: undefined, loading: true }} />`;
  if (!open.length) return html`<${Empty} title=${t('now.fine')}>${t('now.fineWords')}</${Empty}>`;
  const rows = open.slice(0, SHOWN).map((alert) => html`<${AlertRow} key=${alert.id} alert=${alert}
    spark=${html`<${Spark} series=${trendFor(alert)} hotFrom=${alert.since} severity=${isWaiting(alert) ? alert.severity : undefined} />`} />`);
  return html`<table><tbody>${rows}</tbody></table>
    ${open.length > SHOWN && html`<div class="bar"><a class="link" href=${href('alerts')}>${t('now.more', { n: open.length - SHOWN })}</a></div>`}`;
}
