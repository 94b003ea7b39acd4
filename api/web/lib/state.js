// The smallest observable: a value, its subscribers, and a way to change it. Everything that changes live is one of these.

/** @template T */
export class Store {
  /** @param {T} value */
  constructor(value) {
    this.value = value;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {() => void} listener @returns {() => void} the way to stop */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {T} value */
  set(value) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    this.tell();
  }

  tell() {
    for (const listener of [...this.listeners]) listener();
  }
}
