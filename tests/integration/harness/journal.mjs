// What a walpiper has captured, from its journal on disk: all events in their order, also those that
// no topic carries. Read with LMDB's own tool, so that no code of walpiper's stands between.
import { run } from './process.mjs';
import { until } from './wait.mjs';

/** Waits until all that the server has done until now is on WALPIPER's disk. */
export async function captured(walpiper, timeout = 60_000) {
  const db = walpiper.database;
  // Not pg_current_wal_lsn(): a message outside of transactions is written out a little later.
  const lsn = await db.value('SELECT pg_current_wal_insert_lsn()::text');
  await until(
    `slot ${walpiper.slot} is confirmed up to ${lsn}`,
    () =>
      db.value('SELECT confirmed_flush_lsn >= $2::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $1', [
        walpiper.slot,
        lsn,
      ]),
    { timeout },
  );
}

/** The JSON of all events, as text. WALPIPER must be down. */
export async function journalEvents(walpiper) {
  const { code, stdout, stderr } = await run('mdb_dump', ['-s', 'records', walpiper.config.journal.path]);
  if (code !== 0) throw new Error(`mdb_dump (Debian package lmdb-utils): ${stderr}`);
  const lines = stdout.slice(stdout.indexOf('HEADER=END\n') + 'HEADER=END\n'.length).split('\n');
  const events = [];
  for (let n = 0; lines[n] !== 'DATA=END'; n += 2) {
    // A record ends with its SSE frame, whose data is one line (src/event/layout.h).
    const record = Buffer.from(lines[n + 1].trim(), 'hex');
    events.push(record.subarray(record.lastIndexOf('\ndata: ') + 7, record.length - 2).toString());
  }
  return events;
}

/** The same without what differs between two slots: the epoch in the id. */
export const withoutEpoch = (json) => json.replace(/^\{"id":"[0-9a-f]{8}-/, '{"id":"');

/** All that WALPIPER has captured until now, without epochs; it is down afterwards. */
export async function capturedEvents(walpiper) {
  await captured(walpiper);
  await walpiper.stop();
  return (await journalEvents(walpiper)).map(withoutEpoch);
}
