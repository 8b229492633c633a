// A client that sends bytes and keeps those that come.
import { connect } from 'node:net';
import { until } from '../integration/harness/lib.mjs';

export class Raw {
  constructor(port, host = '127.0.0.1') {
    this.chunks = [];
    this.hasEnded = false;
    this.socket = connect(port, host);
    this.socket.on('data', (chunk) => this.chunks.push(chunk)).on('error', () => {});
    this.socket.on('close', () => (this.hasEnded = true));
  }

  send(text) {
    this.socket.write(text);
    return this;
  }

  get bytes() {
    return Buffer.concat(this.chunks);
  }

  /** The first answer: {status, headers, body}; body is bytes, all that came behind the head. */
  get answer() {
    const { bytes } = this;
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]);
    return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: bytes.subarray(end + 4) };
  }

  async head() {
    await until('the head of an answer', () => this.answer, { interval: 5 });
    return this.answer;
  }

  async end() {
    await until('the end of an answer', () => this.hasEnded, { interval: 5 });
    return this.answer;
  }

  close() {
    this.socket.destroy();
  }
}

/** A request as its bytes, closed with its scene. */
export function raw(scene, walpiper, text) {
  const client = new Raw(walpiper.port);
  scene.defer(() => client.close());
  return client.send(text);
}

/** GET of PATH with HEADERS, {name: value}. */
export function get(scene, walpiper, path, headers = {}) {
  const lines = Object.entries({ Host: 'a', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return raw(scene, walpiper, `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
}
