// A subscriber: reads text/event-stream strictly, keeps what it got, knows its last id.
import http from 'node:http';
import { until, within } from './wait.mjs';

/** Frames of a stream, stricter than a browser: only what walpiper promises to send. */
export class SseParser {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.rest = '';
    this.frame = null;
    this.comments = 0;
  }

  push(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === '') return this.dispatch();
    if (line === ':') {
      if (this.frame) throw new Error('a heartbeat inside a frame');
      this.comments++;
      return;
    }
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 2);
    if (line.includes('\r')) throw new Error(`CR in ${JSON.stringify(line)}`);
    this.frame ??= {};
    this.field(name, value, line);
  }

  field(name, value, line) {
    if (name === 'data') {
      this.frame.data = this.frame.data === undefined ? value : `${this.frame.data}\n${value}`;
    } else if (name === 'id' || name === 'event' || (name === 'retry' && /^[0-9]+$/.test(value))) {
      if (this.frame[name] !== undefined) throw new Error(`two fields ${name} in one frame`);
      this.frame[name] = value;
    } else {
      throw new Error(`not a line of an event stream: ${JSON.stringify(line)}`);
    }
  }

  dispatch() {
    if (!this.frame) throw new Error('an empty frame');
    const { frame } = this;
    this.frame = null;
    if (frame.data === undefined && frame.retry === undefined) {
      throw new Error(`a frame without data: ${JSON.stringify(frame)}`);
    }
    this.onFrame(frame);
  }

  /** At the end of the stream: nothing may be cut in two. */
  finish() {
    if (this.rest !== '' || this.frame) throw new Error('the stream ended inside a frame');
  }
}

const quiet = new Set(['heartbeat', 'keepalive']);

/** One GET of an event stream. */
export class Subscription {
  /** KEEP false: frames are given to onFrame only, for streams larger than memory. */
  constructor({ url, headers = {}, lastEventId, keep = true, onFrame = () => {}, localAddress }) {
    this.url = url;
    this.localAddress = localAddress;
    this.headers = { Accept: 'text/event-stream', ...headers };
    if (lastEventId !== undefined) this.headers['Last-Event-ID'] = lastEventId;
    this.lastId = lastEventId;
    this.frames = []; // all of them
    this.events = []; // without heartbeats and keepalives
    this.retry = undefined;
    this.received = 0;
    this.error = null;
    this.hasEnded = false;
    this.parser = new SseParser((frame) => {
      if (frame.id !== undefined) this.lastId = frame.id;
      if (frame.retry !== undefined) this.retry = Number(frame.retry);
      this.received++;
      if (keep) this.frames.push(frame);
      if (keep && !quiet.has(frame.event) && frame.data !== undefined) this.events.push(frame);
      onFrame(frame, this);
    });
  }

  /** Resolves once the head is here; any status but 200 is an error, with status and body. */
  async open() {
    const response = await within(
      `an answer from ${this.url}`,
      30_000,
      new Promise((resolve, reject) => {
        this.request = http.get(this.url, { agent: false, headers: this.headers, localAddress: this.localAddress }, resolve);
        this.request.on('error', (error) => {
          if (!this.response) reject(error);
        });
      }),
    );
    this.response = response;
    if (response.statusCode !== 200) {
      const body = await readBody(response);
      throw Object.assign(new Error(`${this.url}: ${response.statusCode} ${body}`), {
        status: response.statusCode,
        body,
      });
    }
    this.ended = new Promise((resolve) => {
      response.setEncoding('utf8');
      response.on('data', (text) => this.take(text));
      response.on('error', () => {});
      response.on('close', () => {
        this.hasEnded = true;
        this.isComplete = response.complete;
        resolve(this);
      });
    });
    return this;
  }

  take(text) {
    if (this.error) return;
    try {
      this.parser.push(text);
    } catch (error) {
      this.error = error;
      this.close();
    }
  }

  check() {
    if (this.error) throw this.error;
  }

  /** The first COUNT events, as soon as they are here. */
  async first(count, timeout = 30_000) {
    await this.until(`${count} events`, () => this.events.length >= count, timeout);
    return this.events.slice(0, count);
  }

  /** The first frame for which PREDICATE is true. */
  async find(what, predicate, timeout = 30_000) {
    await this.until(what, () => this.frames.some(predicate), timeout);
    return this.frames.find(predicate);
  }

  async until(what, condition, timeout = 30_000) {
    const done = () => {
      this.check();
      if (condition()) return true;
      if (this.hasEnded) throw new Error(`the stream ended before: ${what} (${this.received} frames)`);
      return false;
    };
    try {
      await until(what, done, { timeout, interval: 5 });
    } catch (error) {
      error.message += `; ${this.url} had sent ${this.received} frames, ${this.events.length} kept events`;
      throw error;
    }
  }

  close() {
    this.request?.destroy();
  }
}

export async function readBody(response) {
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return text;
}

/** A plain request: {status, headers, body}. */
export function request(url, { method = 'GET', headers = {}, body, socketPath } = {}) {
  return within(
    `${method} ${url}`,
    30_000,
    new Promise((resolve, reject) => {
      const sent = http.request(url, { method, headers, agent: false, socketPath }, async (response) => {
        try {
          const text = await readBody(response);
          resolve({ status: response.statusCode, headers: response.headers, body: text });
        } catch (error) {
          reject(error);
        }
      });
      sent.on('error', reject);
      sent.end(body);
    }),
  );
}
