// Ids of events: positions in the log.
import assert from 'node:assert/strict';

/** An event's id as numbers that can be compared. */
export function position(id) {
  const match = /^([0-9a-f]{8})-([0-9A-F]{1,16})-([1-9][0-9]*)$/.exec(id);
  assert.ok(match, `not an event id: ${id}`);
  return { epoch: match[1], lsn: BigInt(`0x${match[2]}`), ordinal: Number(match[3]) };
}

/** Each id after the one before it, and of the same epoch. */
export function assertInOrder(ids) {
  let last;
  for (const id of ids) {
    const next = position(id);
    if (last) {
      assert.equal(next.epoch, last.epoch, `the epoch changed at ${id}`);
      const later = next.lsn > last.lsn || (next.lsn === last.lsn && next.ordinal > last.ordinal);
      assert.ok(later, `${id} came after ${last.id}`);
    }
    last = { ...next, id };
  }
}
