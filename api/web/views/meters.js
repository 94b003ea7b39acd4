// Meters: how every register stands, and the questions that only a person can answer, with what follows from each answer.
import { html, useLoad, useState } from '../lib/html.js';
import { t, word } from '../lib/i18n.js';
import { api } from '../lib/api.js';
import { age, exact, number } from '../lib/format.js';
import { facility, firstZone } from '../lib/facility.js';
import { useSecond } from '../lib/clock.js';
import { href } from '../lib/route.js';
import { useBeat } from '../lib/beat.js';
import { tell } from '../lib/say.js';
import { Empty, Panel, Pending } from '../parts/panel.js';

export function Meters() {
  const turn = useBeat(15_000);
  const [round, setRound] = useState(0);
  const load = useLoad(`meters ${turn} ${round}`, (signal) => Promise.all([api.registers(signal), api.questions(signal)]));
  if (!load.data) return html`<section class="panel"><${Pending} load=${load} /></section>`;
  const [registers, questions] = load.data;
  return html`<${Questions} questions=${questions} onAnswer=${() => setRound(round + 1)} /><${Registers} registers=${registers} />`;
}

function Questions({ questions, onAnswer }) {
  return html`<${Panel} title=${t('meters.questions')} note=${t('meters.questionsNote')}>
    ${questions.length ? questions.map((one) => html`<${Question} key=${one.id} question=${one} onAnswer=${onAnswer} />`) : html`<div class="empty">${t('meters.nothing')}</div>`}</${Panel}>`;
}

function Question({ question, onAnswer }) {
  const zone = firstZone();
  const answer = (chosen) => api.answer(question.id, chosen.number).then(() => { tell(t('meters.taken')); onAnswer(); }, (error) => tell(error.message));
  return html`<div class="trouble" data-question=${question.id}><div>
    <b>${word('topic', question.topic)}</b> <a class="link" href=${href('point', question.point)}><bdi>${question.point}</bdi></a>
    <span class="note">${exact(question.start, zone)} – ${exact(question.at, zone)}</span>
    <dl class="facts">${Object.entries(question.known).map(([name, value]) => html`<dt>${word('known', name)}</dt><dd>${number(value, 0)}</dd>`)}</dl>
    <div class="bar">${question.answers.map((one) => html`<button key=${one.number} onClick=${() => answer(one)}>${word('answer', one.action)}${one.consumption === null ? '' : ` → ${number(one.consumption, 0)}`}</button>`)}</div></div></div>`;
}

function Registers({ registers }) {
  const at = useSecond();
  const seen = registers.filter((one) => one.at !== null);
  if (!seen.length) return html`<${Panel} title=${t('meters.registers')}><${Empty} title=${t('meters.none')}>${t('meters.noneWords')}</${Empty}></${Panel}>`;
  return html`<${Panel} title=${t('meters.registers')} note=${t('points.note', { n: registers.length })}><div class="scroll-x"><table>
    <thead><tr><th>${t('meters.register')}</th><th class="num">${t('meters.read')}</th><th class="num">${t('meters.age')}</th><th>${t('meters.state')}</th><th class="num">${t('meters.revision')}</th></tr></thead>
    <tbody>${registers.map((one) => html`<tr key=${one.point} data-register=${one.point}><td class="wrap"><a class="link" href=${href('point', one.point)}><bdi>${one.point}</bdi></a></td>
      <td class="num">${one.value === null ? '–' : number(one.value, 0)}</td><td class="num age">${one.at === null ? '–' : age(at - one.at)}</td>
      <td>${word('meterfault', one.fault)}${one.error && html` <span class="note"><bdi>${one.error}</bdi></span>`}</td><td class="num">${one.revision || '–'}</td></tr>`)}</tbody></table></div></${Panel}>`;
}
