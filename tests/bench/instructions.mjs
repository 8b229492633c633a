// ./dev test instructions: instructions an event on the hot path, counted by callgrind, beside the numbers in
// instructions.json. More than 5 % worse fails, until the number is changed on purpose with --accept.
//
// The numbers belong to a kind of processor and, to a small part, to the compiler and the C library of the image.
//
// What is counted (hot_path.c) has no server and no time in it. The difference of a run and one of twice as
// many passes leaves out all that does not grow with the events.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { byRoom, count } from './callgrind.mjs';
import { program } from './fleet.mjs';

const file = fileURLToPath(new URL('instructions.json', import.meta.url));
const recorded = fileURLToPath(new URL('recorded', import.meta.url));
const worst = 1.05;

/** Passes of the shorter run. */
const cases = {
  capture_pgoutput: 20,
  capture_wal2json: 20,
  fanout_1: 20,
  fanout_100: 3,
  operator: 20,
};

async function runOnce(directory, name, passes) {
  const own = join(directory, `${name}-${passes}`);
  mkdirSync(join(own, 'journal'), { recursive: true });
  const args = [name, String(passes), recorded, join(own, 'journal')];
  const { instructions, output, profile } = await count(join(own, 'callgrind.out'), program('hot_path'), args, 'hot_measured');
  return { instructions, events: JSON.parse(output).events, profile };
}

/** Instructions an event of case NAME, and by room. */
async function measure(directory, name) {
  const short = await runOnce(directory, name, cases[name]);
  const long = await runOnce(directory, name, 2 * cases[name]);
  const events = long.events - short.events;
  const each = (long.instructions - short.instructions) / events;
  const before = new Map(byRoom(short.profile).map((entry) => [entry.room, entry.own + entry.libraries]));
  const rooms = byRoom(long.profile).map(({ room, own, libraries }) => ({
    room,
    each: (own + libraries - (before.get(room) ?? 0)) / events,
  }));
  return { name, each: Math.round(each), rooms: rooms.filter((entry) => entry.each >= each / 100) };
}

/** Each of NAMES, as many at a time as there are processors. */
async function measureAll(names) {
  const directory = mkdtempSync(join(tmpdir(), 'walpiper-instructions-'));
  const results = new Map();
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) results.set(name, await measure(directory, name));
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return names.map((name) => results.get(name));
}

/** What was won should be kept. */
const hint = (counted, known) => (counted < known / worst ? '; --accept keeps it' : '');

/** What is wrong with COUNTED beside KNOWN; undefined when nothing is. */
export function verdict(counted, known) {
  if (known === undefined) return 'has no number yet';
  if (counted > known * worst) return `${((counted / known - 1) * 100).toFixed(1)} % more than ${known}`;
  return undefined;
}

function tell({ name, each, rooms }, known) {
  const wrong = verdict(each, known);
  const beside = wrong ?? `${known}, ${((each / known - 1) * 100).toFixed(1)} %${hint(each, known)}`;
  const parts = rooms.map((entry) => `${entry.room} ${Math.round(entry.each)}`).join(', ');
  console.log(`${wrong ? 'not ok' : 'ok'} ${name}: ${each} instructions an event (${beside}): ${parts}`);
  return wrong;
}

/** The numbers of the repository for this kind of processor; undefined when there are none. */
export function knownInstructions() {
  return JSON.parse(readFileSync(file, 'utf8'))[process.arch];
}

async function instructions(args) {
  const known = knownInstructions() ?? {};
  const results = await measureAll(Object.keys(cases));
  const wrong = results.filter((result) => tell(result, known[result.name]));
  if (args.includes('--accept')) {
    const numbers = Object.fromEntries(results.map(({ name, each }) => [name, each]));
    const all = { ...JSON.parse(readFileSync(file, 'utf8')), [process.arch]: numbers };
    writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  if (wrong.length === 0) return 0;
  console.log('If that is what the change is worth: ./dev test instructions --accept, and commit tests/bench/instructions.json');
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await instructions(process.argv.slice(2));
