// What is written, and how each change is recognized again in an event.
//
// A row says who wrote it last: (writer, seq, n) is the n-th change of the writer's transaction seq.
// Its note follows from the key of the change that set it, so that a value is checked wherever it
// shows up. What is rolled back to a savepoint has an n from `rolledBack` on.
import { createHash } from 'node:crypto';
import { position } from '../integration/harness/ids.mjs';

export const tables = ['plain', 'full_rows', 'parted', 'large'];
export const buckets = [1, 2, 3, 4];
export const consumers = ['toto', 'tata'];
export const rolledBack = 1000;

const columns = 'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer int, seq int, n int, bucket int, note text';

export const ddl = `
  CREATE TABLE plain (${columns});
  CREATE TABLE full_rows (${columns});
  ALTER TABLE full_rows REPLICA IDENTITY FULL;
  CREATE INDEX ON full_rows (bucket);
  CREATE SEQUENCE parted_id;
  CREATE TABLE parted (id bigint DEFAULT nextval('parted_id') PRIMARY KEY, writer int, seq int, n int, bucket int, note text)
    PARTITION BY HASH (id);
  CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE large (${columns});
  ALTER TABLE large ALTER note SET STORAGE EXTERNAL;
  CREATE TABLE ledger (writer int, seq int, PRIMARY KEY (writer, seq));
  CREATE TABLE totals (id int PRIMARY KEY, rows bigint, total numeric);`;

const totalsQuery = `
  MERGE INTO totals dest
  USING (SELECT $1::int AS id, count(*) AS rows, coalesce(sum(n), 0) AS total FROM full_rows WHERE bucket = $1::int) src
  ON src.id = dest.id
  WHEN NOT MATCHED THEN INSERT (id, rows, total) VALUES (src.id, src.rows, src.total)
  WHEN MATCHED AND (dest.rows, dest.total) IS DISTINCT FROM (src.rows, src.total) THEN
    UPDATE SET rows = src.rows, total = src.total`;

/** What walpiper is to do with these tables. */
export const configuration = {
  tables: [
    { name: 'public.plain' },
    { name: 'public.full_rows', scopes: [{ bucket: 'buckets' }] },
    { name: 'public.parted' },
    { name: 'public.large' },
  ],
  operators: [
    {
      name: 'totals',
      target: 'totals',
      target_id: 'id',
      events: ['insert', 'update', 'delete'],
      tables: { full_rows: 'bucket' },
      query: totalsQuery,
    },
  ],
  journal: { retention: { bytes: '8GB' } },
  retry: { min_restart_time: 50, max_restart_time: 1000 },
};

/** The read model, and what it should be. */
export async function readModel(db) {
  const kept = await db.query('SELECT id, rows, total FROM totals WHERE rows > 0 ORDER BY id');
  const scratch = await db.query(`SELECT bucket AS id, count(*) AS rows, coalesce(sum(n), 0) AS total
                                  FROM full_rows GROUP BY bucket ORDER BY bucket`);
  return { kept, scratch };
}

/** The note of a change: its key, and text that does not compress. */
export function noteOf(key) {
  if (!key.startsWith('large:')) return `${key}|${createHash('sha256').update(key).digest('hex')}`;
  const length = 1500 + (createHash('sha256').update(key).digest().readUInt16LE(0) % 12_000);
  return `${key}|${createHash('shake256', { outputLength: length }).update(key).digest('hex')}`;
}

function checkNote(note) {
  if (noteOf(note.slice(0, note.indexOf('|'))) !== note) throw new Error(`the note is damaged: ${note.slice(0, 80)}`);
}

export const keyOf = (table, { writer, seq, n }) => `${table}:${writer}-${seq}-${n}`;
export const deleteKey = (table, id) => `${table}:delete:${id}`;

/** Rows of writer 0 are marks: the number of one, 0 for all others. */
const markOf = ({ writer, seq }) => (writer === 0 ? seq : 0);

function checkRolledBack(table, row) {
  if (row.n >= rolledBack) throw new Error(`${keyOf(table, row)} was rolled back to a savepoint`);
}

/** The change that a row of the events table stands for. */
export function readPayload(payload) {
  checkRolledBack('events', payload);
  checkNote(payload.note);
  return { key: keyOf('events', payload), note: payload.note, mark: markOf(payload) };
}

/** The change that an event of a stream tells of; throws where the event cannot be right. */
export function readEvent(event) {
  const { name, type, new_record: row, old_record: old, unchanged = [] } = event;
  if (name === 'events') return readPayload(row.payload);
  if (type === 'delete') return { key: deleteKey(name, old.id) };
  checkRolledBack(name, row);
  if (row.note !== undefined) checkNote(row.note);
  else if (!unchanged.includes('note')) throw new Error(`${keyOf(name, row)} has no note`);
  return { key: keyOf(name, row), note: row.note, mark: markOf(row) };
}

export function comparePositions(a, b) {
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return a.ordinal - b.ordinal;
}

export { position };
