// A number that rises every so often while the tab is seen: what makes a view ask again.
import { useEffect, useState } from './html.js';

/** @param {number} every ms */
export function useBeat(every) {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setTurn((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return turn;
}
