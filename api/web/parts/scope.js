// What a window or shelving is about: in words, and as fields of a form.
import { html, useLoad } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { desk } from '../lib/desk.js';
import { alerts } from '../lib/alerts.js';
import { facility, nodeOf, trail, zoneOf } from '../lib/facility.js';
import { href } from '../lib/route.js';
import { sentence } from '../lib/sentence.js';
import { SEVERITIES } from './severity.js';

const NODES = { site: 'site', space: 'space', equip: 'equip' };

/** @param {{scope: any}} props */
export function ScopeWords({ scope }) {
  const parts = [];
  for (const [name, kind] of Object.entries(NODES)) if (scope[name]) parts.push(html`<bdi>${named(nodeOf(`${kind}:${scope[name]}`)?.name) || scope[name]}</bdi>`);
  for (const name of ['device', 'target']) if (scope[name]) parts.push(html`<bdi>${named(nodeOf(`equip:${scope[name]}`)?.name) || scope[name]}</bdi>`);
  if (scope.rule) parts.push(html`${t('alert.rule')} <bdi>${scope.rule}</bdi>`);
  if (scope.severity) parts.push(t(`sev.${scope.severity}`));
  if (scope.alert) {
    const open = alerts.value.get(scope.alert);
    parts.push(html`<a class="link" href=${href('alerts', scope.alert)}><bdi>${open ? sentence(open, zoneOf(open)) : t('scope.alert')}</bdi></a>`);
  }
  return html`${parts.map((part, i) => html`${i ? ' · ' : ''}${part}`)}`;
}

/** The places of the facility that a scope can name. */
function places() {
  const out = [];
  for (const node of facility.value.nodes.values()) {
    if (!(node.kind in NODES)) continue;
    const name = trail(node.key).filter((one) => one.kind in NODES).map((one) => named(one.name) || one.id).join(' › ');
    out.push([node.key, name]);
  }
  return out;
}

export function ScopeFields() {
  const rules = useLoad('rules', (signal) => desk.rules(signal));
  return html`<fieldset><legend>${t('scope.title')}</legend><p class="note">${t('scope.words')}</p>
    <label>${t('scope.place')}<select name="place"><option value="">${t('scope.anyPlace')}</option>${places().map(([key, name]) => html`<option key=${key} value=${key}>${name}</option>`)}</select></label>
    <label>${t('alert.rule')}<select name="rule"><option value="">${t('alerts.anyRule')}</option>${(rules.data ?? []).map((rule) => html`<option key=${rule.id} value=${rule.id}>${rule.id}</option>`)}</select></label>
    <label>${t('alerts.severity')}<select name="severity"><option value="">${t('alerts.anySeverity')}</option>${SEVERITIES.map((one) => html`<option key=${one} value=${one}>${t(`sev.${one}`)}</option>`)}</select></label>
    <label>${t('scope.target')}<input name="target" maxlength="200" placeholder=${t('scope.targetHint')} /></label></fieldset>`;
}

/** What the fields say. @param {FormData} form */
export function scopeOf(form) {
  const place = String(form.get('place') ?? '');
  const cut = place.indexOf(':');
  return {
    ...(place ? { [place.slice(0, cut)]: place.slice(cut + 1) } : {}),
    rule: String(form.get('rule') ?? ''), severity: String(form.get('severity') ?? ''), target: String(form.get('target') ?? '').trim(),
  };
}
