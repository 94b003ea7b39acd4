// Meters: how every register stands, and the questions that only a person can answer, with what follows from each answer.
import { html, useChange, useLoad, useState } from '../lib/html.js';
import { named, t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, exact, measure, number } from '../lib/format.js';
import { registerOf } from '../lib/units.js';
import { facility, firstZone, nodeOf, trail, within } from '../lib/facility.js';
import { useSecond } from '../lib/clock.js';
import { here, href, refine, route } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { tell } from '../lib/say.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

export function Meters() {
  const turn = useBeat(15_000);
  const [round, setRound] = useState(0);
  const load = useLoad(`meters ${turn} ${round}`, (signal) => Promise.all([api.registers(signal), api.questions(signal)]));
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const [registers, questions] = load.data;
  const known = new Map(registers.map((one) => [one.point, one]));
  return html`<${Questions} questions=${questions} known=${known} onAnswer=${() => setRound(round + 1)} /><${Registers} registers=${registers} />`;
}

/** What people call a register: what it hangs on and its own name, else its id; and what lies above. */
const nameOf = ({ point, name, node }) => (named(name) ? [nodeOf(node), { name, id: '' }].filter(Boolean).map((one) => named(one.name) || one.id).join(' · ') : point);
const placeOf = ({ node }) => trail(node).slice(1, -1).map((one) => named(one.name) || one.id).join(' › ');

function Questions({ questions, known, onAnswer }) {
  return html`<${Panel} title=${t('meters.questions')} note=${t('meters.questionsNote')}>
    ${questions.length ? questions.map((one) => html`<${Question} key=${one.id} question=${one} name=${nameOf(known.get(one.point) ?? one)} onAnswer=${onAnswer} />`) : html`<div class="empty">${t('meters.nothing')}</div>`}</${Panel}>`;
}

/** What a person may know better than the reads, by answer; the rest of an answer (times) is the question's own. */
const ENTERED = { swap: ['end', 'start'], consumption: ['value'], digits: ['digits'], limit: ['rate'] };
/** What is counted, not read: it carries the ratios of transformers already. */
const COUNTED = new Set(['consumption', 'low', 'high']);

function Question({ question, name, onAnswer }) {
  const zone = firstZone();
  const [open, setOpen] = useState('');
  const point = { unit: question.unit, nature: 'counter' };
  const known = ([name, value]) => html`<dt>${word('known', name)}</dt><dd>${name === 'reads' ? number(value, 0) : measure(COUNTED.has(name) ? value : value * question.resolution, point)}</dd>`;
  const answer = (chosen, values = {}) => api.answer(question.id, chosen.number, values).then(() => { tell(t('meters.taken')); onAnswer(); }, (error) => tell(error.message));
  return html`<div class="trouble" data-question=${question.id}><div>
    <b>${word('topic', question.topic)}</b> <a class="link" href=${href('point', question.point)}><bdi>${name}</bdi></a>
    <span class="note">${exact(question.start, zone)} – ${exact(question.at, zone)}</span>
    <dl class="facts">${Object.entries(question.known).map(known)}</dl>
    <div class="bar">${question.answers.map((one) => html`<button key=${one.number} onClick=${() => answer(one)}>${word('answer', one.action)}${one.consumption === null ? '' : ` → ${measure(one.consumption, point)}`}</button>${fields(one).length > 0 && html`<button class="ghost" aria-expanded=${open === one.action} aria-label=${`${word('answer', one.action)}: ${t('meters.enter')}`} onClick=${() => setOpen(open === one.action ? '' : one.action)}>${t('meters.enter')}</button>`}`)}</div>
    ${question.answers.filter((one) => one.action === open).map((one) => html`<${Entry} key=${one.number} question=${question} answer=${one} onSend=${(values) => answer(one, values)} />`)}</div></div>`;
}

const fields = (answer) => (ENTERED[answer.action] ?? []).filter((name) => name in answer.values);

/** Values that a person enters, as the register shows them; sent in the units of its reads. */
function Entry({ question, answer, onSend }) {
  const display = registerOf(question.unit);
  const factor = (name) => (name === 'digits' ? 1 : question.resolution * display.factor);
  const unit = (name) => (name === 'digits' ? '' : name === 'rate' ? `${display.symbol}/h` : display.symbol);
  const [entered, setEntered] = useState(() => Object.fromEntries(fields(answer).map((name) => [name, String(Number((answer.values[name] * factor(name)).toFixed(6)))])));
  const bad = Object.values(entered).some((text) => text.trim() === '' || !(Number(text) >= 0));
  const send = (event) => {
    event.preventDefault();
    if (!bad) onSend(Object.fromEntries(Object.entries(entered).map(([name, text]) => [name, Number(text) / factor(name)])));
  };
  return html`<form class="bar" onSubmit=${send}>${Object.entries(entered).map(([name, text]) => html`<label key=${name}>${word('entered', name)} <input type="text" inputmode="decimal" name=${name} value=${text} onInput=${(event) => setEntered({ ...entered, [name]: event.currentTarget.value })} /> <span class="note">${unit(name)}</span></label>`)}
    <button type="submit" disabled=${bad}>${t('meters.send')}</button></form>`;
}

/** Registers are read in hours, kilometres and cubic metres. */
const customary = ({ unit }, nature = '') => ({ unit, nature, metric: { s: 'runtime', m: 'odometer', m3: 'water' }[unit] ?? '' });

function Registers({ registers }) {
  useChange(facility);
  const at = useSecond();
  const { branch, q = '' } = route.value.query;
  const waiting = registers.filter((one) => one.waiting).length;
  if (registers.every((one) => one.at === null)) return html`<${Panel} title=${t('meters.registers')}><${Empty} title=${t('meters.none')}>${waiting ? t('meters.waiting', { n: waiting }) : t('meters.noneWords')}</${Empty}></${Panel}>`;
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = registers.filter((one) => within(one.node, branch)).map((one) => ({ ...one, called: nameOf(one), place: placeOf(one) }))
    .filter((one) => words.every((part) => `${one.point} ${one.called} ${one.place}`.toLowerCase().includes(part)));
  const note = waiting > 1 ? t('meters.waiting', { n: waiting }) : t('points.note', { n: shown.length });
  return html`<${Panel} title=${t('meters.registers')} note=${note}>
    <div class="bar"><input type="search" aria-label=${t('list.filter')} placeholder=${t('list.filter')} value=${q} onInput=${(event) => refine({ q: event.currentTarget.value || undefined })} /></div>
    ${!shown.length ? html`<${Empty} title=${t('list.noMatch')}>${t('list.noMatchWords')} <a class="link" href=${here({ q: undefined })}>${t('list.clear')}</a></${Empty}>` : html`<div class="scroll-x"><table class="registers">
    <thead><tr><th>${t('meters.register')}</th><th class="num">${t('meters.read')}</th><th class="num wide-only">${t('meters.age')}</th><th class="num">${t('meters.today')}</th><th>${t('meters.state')}</th><th class="num wide-only">${t('meters.revision')}</th></tr></thead>
    <tbody>${shown.map((one) => html`<tr key=${one.point} data-register=${one.point}><td class="wrap"><a class="link" href=${href('point', one.point)}><bdi>${one.called}</bdi></a>${one.place && html`<br /><small class="note"><bdi>${one.place}</bdi></small>`}</td>
      <td class="num">${measure(one.value, customary(one, 'counter'))}</td><td class="num age wide-only">${one.at === null ? '–' : age(at - one.at)}</td><td class="num" data-today>${measure(one.today, customary(one))}</td>
      <td>${word('meterfault', one.fault)}${one.error && html` <span class="note"><bdi>${one.error}</bdi></span>`}</td><td class="num wide-only">${one.revision || '–'}</td></tr>`)}</tbody></table></div>`}</${Panel}>`;
}
