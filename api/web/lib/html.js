// Preact bound to htm, and the hooks that the page uses: the only module that knows the rendering library.
import { h, render, Fragment } from '../vendor/preact.js';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback } from '../vendor/hooks.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export { h, render, Fragment, useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback };

/** Renders again whenever `store` changes. @param {{subscribe: (listener: () => void) => () => void}} store */
export function useChange(store) {
  const [, again] = useState(0);
  useLayoutEffect(() => store.subscribe(() => again((n) => n + 1)), [store]);
}

/**
 * Loads something from the API, anew when `key` changes; the old data stay until the new ones are here.
 * @template T
 * @param {string} key what the data depend on ('' = load nothing)
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @returns {{data: T | undefined, error: Error | undefined, loading: boolean, reload: () => void}}
 */
export function useLoad(key, load) {
  const [state, set] = useState({ data: undefined, error: undefined, loading: key !== '' });
  const [turn, reload] = useState(0);
  useEffect(() => {
    if (key === '') return undefined;
    const abort = new AbortController();
    set((old) => ({ ...old, loading: true }));
    load(abort.signal).then(
      (data) => abort.signal.aborted || set({ data, error: undefined, loading: false }),
      (error) => abort.signal.aborted || set((old) => ({ data: old.data, error, loading: false })),
    );
    return () => abort.abort();
  }, [key, turn]);
  return { ...state, reload: () => reload((n) => n + 1) };
}
