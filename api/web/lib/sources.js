// Where limits come from, in the reader's language: the sources of shipped rules and quotas, loaded when first shown in Chinese.
import { Store } from './state.js';
import { useChange } from './html.js';
import { language } from './i18n.js';

/** English -> Chinese, once loaded. @type {Store<Record<string, string>>} */
const chinese = new Store({});
let asked = false;

/** A function from a source as it stands to the reader's words; what a facility wrote itself stays as it is. */
export function useSources() {
  useChange(chinese);
  if (language.value === 'zh' && !asked) {
    asked = true;
    import('../i18n/sources.zh.js').then((found) => chinese.set(found.default), () => { asked = false; });
  }
  return (/** @type {string} */ text) => (language.value === 'zh' ? chinese.value[text] ?? text : text);
}
