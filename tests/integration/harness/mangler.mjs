// Between walpiper and a server on a socket of the file system: passes everything on, but what the
// server sends on a replication stream goes through `mangle`, one message at a time. For faults that
// no server makes.
//
//     const mangler = await Mangler.before(scene, db.server);
//     const walpiper = await scene.walpiper(db, { database: { url: mangler.url(db.name) } });
//     mangler.mangle = (message) => message.subarray(0, 10);
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

const socketName = '.s.PGSQL.5432';
const copyData = 'd'.charCodeAt(0);

/** A message of the server's protocol: kind, length, content. */
export function frame(kind, content) {
  const head = Buffer.alloc(5);
  head.write(kind, 0, 'latin1');
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** Calls TAKE with each whole message (head included) of a stream that comes in pieces. */
function splitter(take) {
  let rest = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1);
      if (rest.length < length) return;
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

export class Mangler {
  /** Listens in a directory of SCENE's. */
  static async before(scene, server) {
    const mangler = new Mangler(server, scene.directory('mangler-'));
    scene.defer(() => mangler.close());
    await new Promise((resolve) => mangler.listener.listen(join(mangler.directory, socketName), resolve));
    return mangler;
  }

  constructor(server, directory) {
    Object.assign(this, { server, directory });
    this.sockets = new Set();
    this.streams = 0; // that were begun
    this.connections = 0;
    // Content of a CopyData -> what is sent instead, one or a list: contents, or { raw } for bytes that are none.
    this.mangle = (content) => content;
    this.garble = (message) => message; // a whole message of any kind, on any connection
    this.listener = createServer((client) => this.connect(client));
  }

  url(database) {
    return `postgresql:///${database}?host=${encodeURIComponent(this.directory)}&port=5432&user=postgres`;
  }

  connect(client) {
    this.connections++;
    const server = createConnection(join(this.server.socketDirectory, socketName));
    for (const [socket, other] of [[client, server], [server, client]]) {
      this.sockets.add(socket);
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (piece) => server.write(piece));
    const onMessage = splitter((message) => client.write(this.passed(this.garble(message))));
    server.on('data', onMessage);
  }

  /** What goes on in place of MESSAGE. */
  passed(message) {
    if (message[0] === 'W'.charCodeAt(0)) this.streams++; // CopyBothResponse
    if (message[0] !== copyData) return message;
    const content = message.subarray(5);
    const instead = this.mangle(content);
    if (instead === content) return message;
    return Buffer.concat([instead].flat().map((one) => (Buffer.isBuffer(one) ? frame('d', one) : one.raw)));
  }

  /** Ends all connections. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}
