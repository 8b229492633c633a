// node service.mjs: what a Node team would write instead of walpiper, with npm's pg-logical-replication and pg: the
// rows of one slot to everybody who has subscribed, as Server-Sent Events. The peer of ./dev bench capture and
// latency. No journal: who comes late has missed what was before.
//
//   DATABASE_URL, SLOT, PLUGIN (pgoutput or wal2json), PUBLICATION, PORT, TABLE
//   FIRST_CLIENT=1: the slot is read once the first subscriber is there
import { createServer } from 'node:http';
import { LogicalReplicationService, PgoutputPlugin, Wal2JsonPlugin } from 'pg-logical-replication';

const { DATABASE_URL, SLOT, PLUGIN, PUBLICATION, PORT, TABLE, FIRST_CLIENT } = process.env;
const clients = new Set();

function send(lsn, type, row, old) {
  const event = { id: lsn, name: TABLE, type, new_record: row, old_record: old, timestamp: new Date().toISOString() };
  const frame = `id: ${lsn}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
  for (const client of clients) client.write(frame);
}

/** Each plugin's own form of a row change. */
const readers = {
  pgoutput: {
    make: () => new PgoutputPlugin({ protoVersion: 1, publicationNames: [PUBLICATION] }),
    read: (lsn, { tag, relation, new: row = null, old = null }) => {
      if (['insert', 'update', 'delete'].includes(tag) && relation.name === TABLE) send(lsn, tag, row, old);
    },
  },
  wal2json: {
    make: () => new Wal2JsonPlugin({ addTables: `public.${TABLE}`, includeLsn: true }),
    read: (lsn, { change }) => {
      for (const { kind, columnnames: names, columnvalues: values, oldkeys } of change) {
        const row = names ? Object.fromEntries(names.map((name, n) => [name, values[n]])) : null;
        const old = oldkeys ? Object.fromEntries(oldkeys.keynames.map((name, n) => [name, oldkeys.keyvalues[n]])) : null;
        send(lsn, kind, row, old);
      }
    },
  },
};

// As its README has it.
const service = new LogicalReplicationService({ connectionString: DATABASE_URL }, { acknowledge: { auto: true, timeoutSeconds: 10 } });
const { make, read } = readers[PLUGIN];
service.on('data', read);
service.on('error', (error) => {
  console.error(error);
  process.exit(1);
});

let reading = false;
function start() {
  if (reading) return;
  reading = true;
  service.subscribe(make(), SLOT).catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

createServer((request, response) => {
  request.socket.setNoDelay(true);
  // No length and no chunks: the stream ends with the connection.
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', Connection: 'close' });
  response.flushHeaders();
  clients.add(response);
  response.on('close', () => clients.delete(response));
  start();
}).listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 });
if (!FIRST_CLIENT) start();
