// Server-sent events over fetch: unlike EventSource it sends Last-Event-ID when it is opened anew (after the tab was hidden), and
// notices a connection that is open but silent. The format is that of the HTML standard, section 9.2.

/** @typedef {{event: string, data: string, id: string}} Message */

/**
 * Reads one connection until it ends; throws when it cannot be opened or breaks.
 * @param {string} url @param {string} lastId @param {AbortSignal} signal
 * @param {{onOpen: () => void, onBytes: () => void, onMessage: (message: Message) => void}} on
 */
export async function readStream(url, lastId, signal, on) {
  const headers = { Accept: 'text/event-stream', ...(lastId ? { 'Last-Event-ID': lastId } : {}) };
  const answer = await fetch(url, { headers, signal, cache: 'no-store' });
  if (!answer.ok || !answer.body) throw new Error(`${answer.status}`);
  on.onOpen();
  const parser = new Parser(on.onMessage);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    on.onBytes();
    parser.feed(value);
  }
}

/** Cuts a stream of text into messages. */
export class Parser {
  /** @param {(message: Message) => void} onMessage */
  constructor(onMessage) {
    this.onMessage = onMessage;
    this.rest = '';
    this.id = '';
    this.reset();
  }

  reset() {
    this.event = 'message';
    /** @type {string[]} */
    this.data = [];
  }

  /** @param {string} text */
  feed(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  /** @param {string} line */
  line(line) {
    if (line === '') {
      if (this.data.length) this.onMessage({ event: this.event, data: this.data.join('\n'), id: this.id });
      this.reset();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id') this.id = value;
  }
}
