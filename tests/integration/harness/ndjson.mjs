// A subscriber that reads application/x-ndjson: one JSON object a line, nothing else.
import http from 'node:http';
import { readBody } from './sse.mjs';
import { until, within } from './wait.mjs';

export class Lines {
  constructor(url, headers = {}) {
    Object.assign(this, { url, headers: { Accept: 'application/x-ndjson', ...headers } });
    this.lines = []; // the text of each
    this.rest = '';
    this.hasEnded = false;
  }

  /** Resolves once the head is here; any status but 200 is an error. */
  async open() {
    this.response = await within(
      `an answer from ${this.url}`,
      30_000,
      new Promise((resolve, reject) => {
        this.request = http.get(this.url, { agent: false, headers: this.headers }, resolve);
        this.request.on('error', reject);
      }),
    );
    const { statusCode } = this.response;
    if (statusCode !== 200) throw new Error(`${this.url}: ${statusCode} ${await readBody(this.response)}`);
    this.response.setEncoding('utf8').on('data', (text) => this.take(text));
    this.response.on('error', () => {}).on('close', () => (this.hasEnded = true));
    return this;
  }

  take(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    this.lines.push(...lines);
  }

  /** Every line so far, parsed; one that is not an object is an error. */
  get objects() {
    return this.lines.map((line) => {
      const value = JSON.parse(line);
      if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error(`no object: ${line}`);
      return value;
    });
  }

  /** Without signs of life. */
  get events() {
    return this.objects.filter(({ type }) => type !== 'keepalive' && type !== 'heartbeat');
  }

  async first(count) {
    await until(`${count} events from ${this.url}`, () => this.events.length >= count);
    return this.events.slice(0, count);
  }

  async end() {
    await until(`the end of ${this.url}`, () => this.hasEnded);
    if (this.rest !== '') throw new Error(`it ended inside a line: ${this.rest}`);
  }

  close() {
    this.request?.destroy();
  }
}

/** A subscriber of PATH, closed with its scene. */
export async function lines(scene, walpiper, path, headers) {
  const subscriber = new Lines(walpiper.base + path, headers);
  scene.defer(() => subscriber.close());
  return subscriber.open();
}
