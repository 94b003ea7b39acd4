// A bill beside the ledger: line by line, and what explains the difference, each explanation with how much of it it takes away.
import { html } from '../lib/html.js';
import { named, t } from '../lib/i18n.js';
import { counted, differs, lineName, paid, place, proofs } from '../lib/bills.js';
import { number } from '../lib/format.js';
import { Panel } from './panel.js';

/** @param {{bill: any}} props */
export function Lines({ bill }) {
  return html`<${Panel} title=${t('bills.lines')}><div class="scroll-x"><table class="billlines">
    <thead><tr><th>${t('bills.line')}</th><th class="num">${t('bills.billed')}</th><th class="num">${t('bills.ledger')}</th><th class="num">${t('bills.difference')}</th></tr></thead>
    <tbody>${bill.lines.filter(says).sort((a, b) => place(a.name) - place(b.name)).map((line) => html`<${Line} key=${line.name} line=${line} bill=${bill} />`)}</tbody></table></div></${Panel}>`;
}

/** Whether either side says something of a line. */
const says = (line) => [line.billed_quantity, line.ledger_quantity, line.billed, line.ledger].some((one) => one !== null);

function Line({ line, bill }) {
  const unit = line.name === 'demand' ? 'kW' : bill.unit;
  const both = line.billed !== null && line.ledger !== null;
  const off = both ? Number(line.billed) - Number(line.ledger) : null;
  const counts = line.billed_quantity !== null && line.ledger_quantity !== null ? line.billed_quantity - line.ledger_quantity : null;
  const large = off !== null ? Math.abs(off) > Math.max(0.01, Math.abs(Number(line.ledger)) * 0.005) : counts !== null && Math.abs(counts) > Math.abs(line.ledger_quantity) * 0.005;
  const cell = (money, quantity) => html`${money === null || money === undefined ? '' : html`<div>${paid(money, bill.currency)}</div>`}${quantity === null || quantity === undefined ? '' : html`<div class=${money === null || money === undefined ? '' : 'note'}>${counted(quantity, unit)}</div>`}${(money ?? null) === null && (quantity ?? null) === null ? '–' : ''}`;
  return html`<tr class=${line.name === 'total' ? 'sum' : ''} data-line=${line.name}><td class="wrap">${lineName(line.name)}</td><td class="num">${cell(line.billed, line.billed_quantity)}</td><td class="num">${cell(line.ledger, line.ledger_quantity)}</td>
    <td class="num"><span class=${large ? 'beyond' : ''}>${off === null && counts === null ? html`<span class="note">${t(line.billed === null && line.billed_quantity === null ? 'bills.notBilled' : 'bills.notLedger')}</span>` : html`${off !== null && html`<div>${paid(off, bill.currency, true)}</div>`}${counts !== null && html`<div class=${off === null ? '' : 'note'}>${counted(counts, unit, true)}</div>`}`}</span></td></tr>`;
}

/** @param {{bill: any}} props */
export function Explained({ bill }) {
  const say = (v) => (bill.of === 'money' ? paid(v, bill.currency) : counted(Number(v), bill.unit));
  if (!bill.explanations.length) return html`<${Panel} title=${t('bills.why')}><div class="empty">${t(differs(bill) ? 'bills.unexplained' : 'bills.agrees')}</div></${Panel}>`;
  return html`<${Panel} title=${t('bills.why')} note=${t('bills.whyNote')}><ol class="explained">${bill.explanations.map((why, i) => html`<li key=${`${why.reason}${i}`} data-why=${why.reason}>
    <div class="says"><span>${named(why.text)}</span><b>${number(why.share * 100, 0)} %</b></div>
    <div class="sharebar" aria-hidden="true"><i style=${{ width: `${Math.min(100, Math.max(0, why.share * 100))}%` }}></i></div>
    <span class="note">${t('bills.takes', { v: say(why.explains), rest: say(why.rest) })}${proofs(bill, why).map(([words, to]) => html` · <a class="link" href=${to}>${words}</a>`)}</span></li>`)}</ol></${Panel}>`;
}
