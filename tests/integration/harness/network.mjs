// The network between walpiper and its server, under the hand of the test: a proxy that stops
// forwarding without closing anything, and host names in a mount namespace of walpiper's own.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

/** One connection through a proxy. What is not forwarded is dropped, the ends included. */
class Link {
  constructor(client, server) {
    Object.assign(this, { client, server, deaf: new Set() });
    this.forward(client, server, 'to server');
    this.forward(server, client, 'to client');
  }

  forward(from, to, direction) {
    from.on('data', (chunk) => {
      this.onData?.(direction, chunk);
      if (this.deaf.has(direction) || to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('end', () => this.deaf.has(direction) || to.end());
    from.on('error', () => this.deaf.has(direction) || to.destroy());
  }

  destroy() {
    this.client.destroy();
    this.server.destroy();
  }
}

export const directions = ['to server', 'to client'];

export class Proxy {
  /** In front of the unix socket of SERVER (a Postgres). */
  constructor(server) {
    this.target = join(server.socketDirectory, `.s.PGSQL.${server.settings.port}`);
    this.links = new Set();
    this.deafFor = []; // directions in which new connections are not forwarded
    this.listener = createServer({ allowHalfOpen: true }, (client) => this.accept(client));
  }

  async listen(host = '127.0.0.1', port = 0) {
    await new Promise((resolve, reject) => {
      this.listener.once('error', reject).listen(port, host, resolve);
    });
    ({ address: this.host, port: this.port } = this.listener.address());
    return this;
  }

  accept(client) {
    const server = createConnection({ path: this.target, allowHalfOpen: true });
    const link = new Link(client, server);
    for (const direction of this.deafFor) link.deaf.add(direction);
    link.onData = this.onData && ((direction, chunk) => this.onData(link, direction, chunk));
    this.links.add(link);
    client.once('close', () => this.links.delete(link));
  }

  /** Connections that are there go dead in DEAF directions; new ones too if SPREAD. */
  stall(deaf = directions, { spread = false } = {}) {
    for (const link of this.links) for (const direction of deaf) link.deaf.add(direction);
    if (spread) this.deafFor = deaf;
  }

  /** New connections are forwarded again; those that went dead stay so. */
  heal() {
    this.deafFor = [];
    this.onData = undefined;
  }

  url(database) {
    return `postgresql://postgres@${this.host}:${this.port}/${database.name}`;
  }

  async close() {
    for (const link of this.links) link.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}

/** A proxy that ends with the scene. */
export async function proxy(scene, server, host, port) {
  const made = new Proxy(server);
  scene.defer(() => made.close());
  return made.listen(host, port);
}

/** Why a process cannot have names of its own here; false: it can. */
export function namesUnavailable() {
  const { status, error } = spawnSync('unshare', ['--mount', 'true']);
  return status === 0 ? false : `no mount namespaces here: ${error?.message ?? 'unshare --mount failed'}`;
}

/** What a walpiper knows of host names: /etc/hosts, and a name server that may never answer. */
export class Names {
  constructor(directory) {
    this.hosts = join(directory, 'hosts');
    this.resolver = join(directory, 'resolv.conf');
    this.questions = 0;
    this.set({});
    writeFileSync(this.resolver, 'nameserver 127.0.0.99\noptions timeout:30 attempts:1\n');
  }

  /** Replaces what the names mean: {name: address or addresses}. */
  set(names) {
    const lines = Object.entries(names).flatMap(([name, to]) => [to].flat().map((address) => `${address} ${name}\n`));
    writeFileSync(this.hosts, lines.join('')); // in place: it is mounted
  }

  /** A name server that takes questions and gives no answers. */
  async silentServer(scene) {
    const socket = createSocket('udp4', () => this.questions++);
    scene.defer(() => new Promise((resolve) => socket.close(resolve)));
    await new Promise((resolve, reject) => socket.once('error', reject).bind(53, '127.0.0.99', resolve));
  }

  /** What stands before a command so that it sees these names. */
  get wrapper() {
    const script = `mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`;
    return ['unshare', '--mount', 'sh', '-c', script, this.hosts, this.resolver];
  }
}
