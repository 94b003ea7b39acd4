// Words in the language of the person: one catalogue each, switched without reload; plurals by Intl.PluralRules.
// A key that is missing is shown as the key (and a test fails on it); names from the facility file carry their own languages.
import { Store } from './state.js';
import en from '../i18n/en.js';
import zh from '../i18n/zh.js';

/** @type {Record<string, Record<string, string | Record<string, string>>>} */
const CATALOGUES = { en, zh };
const LOCALES = { en: 'en-GB', zh: 'zh-CN' };
/** @type {Record<string, Intl.PluralRules>} */
const PLURALS = { en: new Intl.PluralRules('en'), zh: new Intl.PluralRules('zh') };

export const LANGUAGES = Object.freeze({ en: 'English', zh: '中文' });
/** @type {Store<string>} */
export const language = new Store(document.documentElement.lang.startsWith('zh') ? 'zh' : 'en');

/** The BCP 47 tag for Intl. */
export const locale = () => LOCALES[language.value];

/** @param {string} code 'en' or 'zh' */
export function setLanguage(code) {
  document.documentElement.lang = code === 'zh' ? 'zh-CN' : 'en';
  language.set(code);
}

/**
 * The text of a key; `{name}` in it is replaced by params.name; a plural is chosen by params.n.
 * @param {string} key @param {Record<string, string | number>} [params]
 */
export function t(key, params) {
  let text = CATALOGUES[language.value][key];
  if (text === undefined) return key;
  if (typeof text === 'object') text = text[PLURALS[language.value].select(Number(params?.n ?? 0))] ?? text.other;
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(locale()) : value;
  });
}

/** Whether the catalogue holds a key: for words that come from the facility (metrics, kinds) and may be unknown. */
export const known = (/** @type {string} */ key) => key in CATALOGUES[language.value];

/** The word of a family member, or the raw word where the catalogue has none. @param {string} family @param {string} word */
export const word = (family, word) => (known(`${family}.${word}`) ? t(`${family}.${word}`) : word);

/** The text of a name in several languages. @param {Record<string, string> | string | null | undefined} names */
export function named(names) {
  if (!names) return '';
  if (typeof names === 'string') return names;
  return names[language.value] || names[''] || names.en || Object.values(names)[0] || '';
}
