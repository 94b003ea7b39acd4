// Language, theme and the person's name, kept on this device.
import { html, useChange } from '../lib/html.js';
import { LANGUAGES, language, t } from '../lib/i18n.js';
import { chooseLanguage, myName, setName, setTheme, theme } from '../lib/settings.js';
import { Panel } from '../parts/panel.js';

export function Settings() {
  useChange(theme);
  useChange(myName);
  return html`<${Panel} title=${t('view.settings')} note=${t('settings.note')}>
    <div class="choices" role="group" aria-labelledby="set-lang"><span id="set-lang">${t('settings.language')}</span>
      <div><${Choice} of=${Object.entries(LANGUAGES)} chosen=${language.value} choose=${chooseLanguage} /></div></div>
    <div class="choices" role="group" aria-labelledby="set-theme"><span id="set-theme">${t('settings.theme')}</span>
      <div><${Choice} of=${[['system', t('settings.system')], ['light', t('settings.light')], ['dark', t('settings.dark')]]} chosen=${theme.value} choose=${setTheme} /></div></div>
    <div class="choices"><label for="set-name">${t('settings.name')}</label>
      <div><input type="text" id="set-name" value=${myName.value} maxlength="80" autocomplete="name" onInput=${(event) => setName(event.currentTarget.value)} /> <span class="note">${t('settings.nameWhy')}</span></div></div>
  </${Panel}>`;
}

function Choice({ of, chosen, choose }) {
  return html`<span class="choice">${of.map(([key, words]) => html`<button key=${key} aria-pressed=${key === chosen} onClick=${() => choose(key)}>${words}</button>`)}</span>`;
}
