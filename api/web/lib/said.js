// What the service says, in the reader's language: by its code and parameters where it has one (api/sentences.py), else as it stands.
import { known, t, word } from './i18n.js';
import { moment } from './format.js';
import { firstZone } from './facility.js';

/** Parameters that are words of a family of their own. @type {Record<string, string>} */
const FAMILIES = { metric: 'metric', nature: 'nature', kind: 'rulekind', what: 'rulekind', state: 'notice', reason: 'refused', period: 'step', carrier: 'carrier', among: 'thing', action: 'answer', declared: 'declared', from: 'sev', to: 'sev' };
const TIMES = new Set(['fired', 'over']);
const WISHES = new Set(['wanted', 'asked']);

/** "metric power or flow, role on": the keys and metrics of a rule's match, in words. @param {string} text */
const wish = (text) => text.split(', ').map((part) => {
  const [, key = '', rest = part] = /^(\w+) (?!or )(.*)$/s.exec(part) ?? [];
  const named = key && known(`match.${key}`);
  const values = (named ? rest : part).split(' or ').map((one) => (key === 'metric' || !named ? word('metric', one) : one)).join(' / ');
  return named ? `${word('match', key)} ${values}` : values;
}).join(t('list.comma'));

/** @param {string} text */
function time(text) {
  const ms = Date.parse(text.replace(' UTC', 'Z').replace(' ', 'T'));
  return Number.isNaN(ms) ? t('trial.lasts') : moment(ms, firstZone());
}

/** @param {string} code @param {string} name @param {string} value */
function inWords(code, name, value) {
  if (TIMES.has(name)) return time(value);
  if (WISHES.has(name)) return wish(value);
  if (name === 'condition') return word('stands', value);
  if (name === 'json' || name === 'python') return word('json', value);
  if (name === 'part') return word('datepart', value);
  if (code.startsWith('no') && name === 'kind' && !code.startsWith('no_such')) return word('thing', value);
  return FAMILIES[name] ? word(FAMILIES[name], value) : value;
}

/** The sentence within a sentence: what is known of it stands in parameters of its own; a code of a robot is said in words. @param {Record<string, string>} params */
function why(params) {
  const inner = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('why.')).map(([name, value]) => [name.slice(4), value]));
  const { code, ...rest } = inner;
  const words = said({ text: params.why, code, params: rest });
  return known(`robot.${params.robot}`) ? `${t(`robot.${params.robot}`)} · ${words}` : words;
}

/**
 * A sentence of the service. @param {{text?: string, reason?: string, detail?: string, code?: string, params?: Record<string, string>}} what
 * @returns {string}
 */
export function said({ text, reason, detail, code, params }) {
  const plain = text ?? reason ?? detail ?? '';
  if (!code || !known(`said.${code}`)) return plain;
  const words = t(`said.${code}`, Object.fromEntries(Object.entries(params ?? {}).map(([name, value]) => [name, name === 'why' ? why(params) : inWords(code, name, value)])));
  return params?.at ? `${words} (${params.at})` : words;
}

/** A failed request in a line: of several problems each with its place and what was expected. @param {any} body RFC 9457 */
export function failure(body) {
  const listed = (body.problems ?? []).filter((one) => one.where !== undefined);
  if (!listed.length) return said(body);
  return listed.map((one) => {
    const wanted = one.expected ? said({ text: one.expected, code: one.expected_code, params: one.expected_params }) : '';
    return `${one.where}: ${said({ text: one.message, ...one })}${wanted ? ` (${wanted})` : ''}`;
  }).join('; ');
}

