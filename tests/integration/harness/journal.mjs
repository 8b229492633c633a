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

/** One block of LZ4 (its block format), of LENGTH bytes when it is unpacked. */
function unpack(packed, length) {
  const out = Buffer.alloc(length);
  let [from, to] = [0, 0];
  const more = (count) => {
    for (let byte = 255; count >= 15 && byte === 255; count += byte) byte = packed[from++];
    return count;
  };
  while (from < packed.length) {
    const token = packed[from++];
    const literals = more(token >> 4);
    to += packed.copy(out, to, from, from + literals);
    from += literals;
    if (from >= packed.length) break; // the last sequence has no match
    const distance = packed.readUInt16LE(from);
    from += 2;
    for (let left = more(token & 15) + 4; left > 0; left--, to++) out[to] = out[to - distance];
  }
  if (to !== length) throw new Error(`a block of ${length} bytes gave ${to}`);
  return out;
}

/** The records of the events in one value of the journal (src/journal/block.h). */
function* recordsOf(block) {
  const [packed, count, length] = [block[0] & 1, block.readUInt32BE(1), block.readUInt32BE(37)];
  const body = packed ? unpack(block.subarray(57), length) : block.subarray(57);
  for (let n = 0, at = 0; n < count; n++) {
    const end = at + 16 + body.readUInt32BE(at + 12);
    yield body.subarray(at + 16, end);
    at = end;
  }
}

/** The bytes of all events, index and all. WALPIPER must be down. */
export async function journalRecords(walpiper) {
  const { code, stdout, stderr } = await run('mdb_dump', ['-s', 'records', walpiper.config.journal.path]);
  if (code !== 0) throw new Error(`mdb_dump (Debian package lmdb-utils): ${stderr}`);
  const lines = stdout.slice(stdout.indexOf('HEADER=END\n') + 'HEADER=END\n'.length).split('\n');
  const records = [];
  for (let n = 0; lines[n] !== 'DATA=END'; n += 2) records.push(...recordsOf(Buffer.from(lines[n + 1].trim(), 'hex')));
  return records;
}

/** The JSON of all events, as text. WALPIPER must be down. */
export async function journalEvents(walpiper) {
  const records = await journalRecords(walpiper);
  // A record ends with its SSE frame, whose data is one line (src/event/layout.h).
  return records.map((record) => record.subarray(record.lastIndexOf('\ndata: ') + 7, record.length - 2).toString());
}

/** The same without what differs between two slots: the epoch in the id. */
export const withoutEpoch = (json) => json.replace(/^\{"id":"[0-9a-f]{8}-/, '{"id":"');

/** All that WALPIPER has captured until now, without epochs; it is down afterwards. */
export async function capturedEvents(walpiper) {
  await captured(walpiper);
  await walpiper.stop();
  return (await journalEvents(walpiper)).map(withoutEpoch);
}
