// What a person chose on this device: language, theme and the name under which he acts. Kept in localStorage; `?lang=` and `?theme=` win without being kept.
import { Store } from './state.js';
import { language, setLanguage, t } from './i18n.js';

const asked = new URLSearchParams(location.search);
const NAME = 'steward.settings';

function stored() {
  try {
    return JSON.parse(localStorage.getItem(NAME) || '{}') || {};
  } catch {
    return {};
  }
}

/** @type {Store<string>} 'system', 'light' or 'dark' */
export const theme = new Store(asked.get('theme') || stored().theme || 'system');
const system = matchMedia('(prefers-color-scheme: dark)');

export const isDark = () => theme.value === 'dark' || (theme.value !== 'light' && system.matches);

/** The theme in force now; charts redraw when it changes. @type {Store<boolean>} */
export const dark = new Store(isDark());

function apply() {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  dark.set(isDark());
}
system.addEventListener('change', apply);

function keep(/** @type {Record<string, string>} */ change) {
  try {
    localStorage.setItem(NAME, JSON.stringify({ ...stored(), ...change }));
  } catch {
    // private windows refuse storage: the choice then holds until the tab closes
  }
}

/** @param {string} choice */
export function setTheme(choice) {
  theme.set(choice);
  keep({ theme: choice });
  apply();
}

/** @param {string} code */
export function chooseLanguage(code) {
  setLanguage(code);
  keep({ language: language.value });
}

/** What the person calls himself; nobody logs in yet. @type {Store<string>} */
export const myName = new Store(String(stored().name ?? ''));

/** @param {string} name */
export function setName(name) {
  myName.set(name);
  keep({ name });
}

/** Who acts, never empty. */
export const me = () => myName.value.trim() || t('me.nobody');
