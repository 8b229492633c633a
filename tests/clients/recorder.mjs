// A wire with a tap: what a client really sends and gets, connection by connection. Each connection
// goes to the port of a walpiper; while that is down, it ends at once.
import { connect, createServer } from 'node:net';

export class Recorder {
  constructor(port) {
    this.target = port;
    this.connections = []; // [{at, sent, got, endedAt}]: bytes as latin1, times in ms
    this.sockets = new Set();
    this.server = createServer((client) => this.accept(client));
  }

  async listen() {
    await new Promise((resolve, reject) => this.server.once('error', reject).listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.base = `http://127.0.0.1:${this.port}`;
    return this;
  }

  accept(client) {
    const upstream = connect(this.target, '127.0.0.1');
    const record = { at: performance.now(), sent: '', got: '', endedAt: undefined };
    upstream.once('connect', () => this.connections.push(record));
    client.on('data', (bytes) => (record.sent += bytes.toString('latin1')));
    upstream.on('data', (bytes) => (record.got += bytes.toString('latin1')));
    upstream.once('end', () => (record.endedAt = performance.now()));
    client.pipe(upstream).pipe(client);
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      this.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => {
        this.sockets.delete(socket);
        other.destroySoon();
      });
    }
  }

  /** The heads of all requests: {method, path, headers}. */
  get requests() {
    return this.connections.flatMap(({ sent }) => sent.split('\r\n\r\n').slice(0, -1).map(parseHead));
  }

  /** Those that a walpiper answered. */
  get answered() {
    return this.connections.filter(({ got }) => got !== '');
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function parseHead(text) {
  const [first, ...lines] = text.split('\r\n');
  const [method, path] = first.split(' ');
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
  return { method, path, headers: Object.fromEntries(headers) };
}

/** A recorder in front of WALPIPER, closed with its scene. */
export async function recorder(scene, walpiper) {
  const made = new Recorder(walpiper.port);
  scene.defer(() => made.close());
  return made.listen();
}
