// The Node service of peer_node/ as a child process.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, isRunning, startChild } from '../integration/harness/process.mjs';
import { until } from '../integration/harness/wait.mjs';
import { readFileSync } from 'node:fs';
import { accepts } from './fleet.mjs';

const service = fileURLToPath(new URL('peer_node/service.mjs', import.meta.url));

/** What a reader of the results has to know of it. */
export const nodeSettings =
  `Node ${process.version} with npm's pg-logical-replication and pg as their READMEs have it, ` +
  'one process, no journal';

export class NodeService {
  /** READS: {slot, plugin, publication, table, firstClient}. */
  async start(directory, db, { slot, plugin, publication, table, firstClient = false }) {
    this.port = await freePort();
    this.log = join(directory, 'node.log');
    const env = { DATABASE_URL: db.url, SLOT: slot, PLUGIN: plugin, PUBLICATION: publication, TABLE: table, PORT: String(this.port) };
    this.child = startChild(process.execPath, [service], { log: this.log, env: { ...env, ...(firstClient && { FIRST_CLIENT: '1' }) } });
    await until('the Node service listens', () => {
      if (!isRunning(this.child)) throw new Error(readFileSync(this.log, 'utf8'));
      return accepts(this.port);
    });
    return this;
  }

  async stop() {
    this.child.kill('SIGKILL'); // it has nothing to keep
    await this.child.exited;
  }
}
