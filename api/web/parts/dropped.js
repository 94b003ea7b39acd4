// The bar that says that the page is not live. It appears only when the drop has lasted two seconds: a blink is no news.
import { html, useChange } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { duration } from '../lib/format.js';
import { useSecond } from '../lib/clock.js';
import { connection } from '../lib/live.js';
import { Severity } from './severity.js';

export function Dropped() {
  useChange(connection);
  const now = useSecond();
  const { state, heard } = connection.value;
  if (state === 'live' || state === 'connecting' || now - heard < 2000) return null;
  return html`<div class="dropped" role="status"><${Severity} of="high" silent /><span>${t('live.dropped', { v: duration(now - heard) })}</span></div>`;
}
