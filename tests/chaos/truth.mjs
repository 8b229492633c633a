// What was committed, and the judgement over what the subscribers have got of it.
//
// A round ends with marks: rows for everybody. Who has got one has all that was committed before it,
// exactly once, in commit order, under the same ids as everybody else; or the promise is broken.
import { comparePositions } from './content.mjs';

export class Truth {
  constructor() {
    this.transactions = 0;
    this.rollbacks = 0;
    this.savepoints = 0;
    this.lookedUp = 0; // commits whose connection died before the answer
    this.checked = 0; // events that subscribers got
    this.replayed = 0; // and those of replays from the oldest one
    this.round = new Map(); // key → change: not judged yet
    this.ids = new Map(); // key → {id, at}: what the streams call a change of this round
    this.places = new Map(); // transaction → LSN
    this.history = []; // {key, id, at, change} of the rounds before, in commit order
  }

  commit({ changes }) {
    this.transactions++;
    for (const change of changes) this.round.set(change.key, change);
  }

  /** All that is wrong with what WATCHERS and REPLAYS have got. MARKED: the last mark of the round
   *  before; marks of this round may still be on their way to some, and are judged with the next. */
  judge(watchers, replays, marked) {
    const wrong = [];
    const complain = (text) => wrong.push(text);
    const onItsWay = ({ writer, seq }) => writer === 0 && seq > marked;
    // The streams first: they know where the rows of the feed stand.
    const ordered = [...watchers].sort((a, b) => a.isFeed - b.isFeed);
    for (const watcher of ordered) this.judgeOne(watcher, onItsWay, (text) => complain(`${watcher.name}: ${text}`));
    const known = [...this.history, ...this.known(() => true)];
    for (const replay of replays) this.judgeReplay(replay, known, (text) => complain(`${replay.name}: ${text}`));
    this.close(watchers, onItsWay);
    return wrong;
  }

  judgeOne({ seen, wants, isFeed }, onItsWay, complain) {
    const had = new Set();
    let before;
    for (const entry of seen) {
      const change = this.round.get(entry.key);
      if (!change) complain(`${entry.id} is ${entry.key}, which was ${this.explain(entry.key)}`);
      else if (had.has(entry.key)) complain(`${entry.key} came twice, the second time as ${entry.id}`);
      else {
        this.judgeEntry(entry, change, isFeed, complain);
        if (!wants(change)) complain(`${entry.id} (${entry.key}) does not belong to this topic`);
        const now = this.ids.get(entry.key);
        if (before && now && comparePositions(before.at, now.at) >= 0) {
          complain(`${entry.key} (${now.id}) came after ${before.id}`);
        }
        before = now ?? before;
      }
      had.add(entry.key);
    }
    this.checked += seen.length;
    for (const [key, change] of this.round) {
      if (wants(change) && !had.has(key) && !onItsWay(change)) {
        complain(`${key} (${this.ids.get(key)?.id ?? 'which nobody has got so far'}) is missing`);
      }
    }
  }

  explain(key) {
    const old = this.history.find((entry) => entry.key === key);
    return old ? `there before, as ${old.id}` : 'never committed';
  }

  /** One event against the change that it is, and against what others got of it. */
  judgeEntry(entry, change, isFeed, complain) {
    if (entry.note !== undefined && entry.note !== change.note) complain(`${entry.key} has the note of another change`);
    if (isFeed) return;
    const other = this.ids.get(entry.key);
    if (other && other.id !== entry.id) complain(`${entry.key} is ${entry.id} here and ${other.id} elsewhere`);
    if (!other) this.ids.set(entry.key, { id: entry.id, at: entry.at });
    const transaction = `${change.writer}-${change.seq}`;
    const place = this.places.get(transaction);
    if (place !== undefined && place !== entry.at.lsn) complain(`${entry.key} (${entry.id}) is apart from its transaction`);
    this.places.set(transaction, entry.at.lsn);
  }

  /** Changes of this round that pass WHICH, in commit order. */
  known(which) {
    const result = [];
    for (const [key, change] of this.round) {
      if (this.ids.has(key) && which(change)) result.push({ key, ...this.ids.get(key), change });
    }
    return result.sort((a, b) => comparePositions(a.at, b.at));
  }

  /** From the oldest event to the goal there is what everybody else has got. */
  judgeReplay({ seen, wants, goal }, known, complain) {
    const upToGoal = ({ at }) => comparePositions(at, goal) <= 0;
    const right = known.filter((entry) => wants(entry.change) && upToGoal(entry));
    const got = seen.filter(upToGoal);
    this.replayed += got.length;
    for (let n = 0; n < Math.max(right.length, got.length); n++) {
      if (right[n]?.id === got[n]?.id && right[n]?.key === got[n]?.key) continue;
      const name = (entry) => (entry ? `${entry.id} (${entry.key})` : 'nothing');
      complain(`event ${n + 1} of ${right.length} is ${name(got[n])} in place of ${name(right[n])}`);
      return;
    }
  }

  /** What was judged is history; a writer's own order is the order of its commits. */
  close(watchers, onItsWay) {
    this.history.push(...this.known((change) => !onItsWay(change)));
    for (const [key, change] of this.round) {
      if (onItsWay(change)) continue;
      this.round.delete(key);
      this.ids.delete(key);
      this.places.delete(`${change.writer}-${change.seq}`);
    }
    for (const watcher of watchers) watcher.seen = watcher.seen.filter(({ key }) => this.round.has(key));
  }

  /** Transactions of one writer must be in the order of their numbers: a change of the history
   *  that breaks it. */
  writersOutOfOrder() {
    const last = new Map();
    for (const { key, id, change } of this.history) {
      const before = last.get(change.writer);
      if (before && (before.change.seq > change.seq || (before.change.seq === change.seq && before.change.n >= change.n))) {
        return `${key} (${id}) stands after ${before.key} (${before.id}) of the same writer`;
      }
      last.set(change.writer, { key, id, change });
    }
    return undefined;
  }
}
