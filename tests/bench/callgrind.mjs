// Callgrind: runs a command under it, and reads what it wrote: instructions by room (src/ROOM) and by
// function. A library's instructions belong to the room whose function called it, with a share of its own.
import { readFileSync } from 'node:fs';
import { run } from '../integration/harness/process.mjs';

// The processor must not matter: which of its variants of memcpy and the like the C library takes.
const plain = ['AVX', 'AVX_Fast_Unaligned_Load', 'AVX2', 'AVX512F', 'AVX512VL', 'AVX512BW', 'ERMS', 'FSRM', 'BMI2', 'SSE4_2', 'SSSE3'];
const tunables = `glibc.cpu.hwcaps=${plain.map((name) => `-${name}`).join(',')}`;

/** What stands before a command: all of its instructions go to FILE, or only those inside of a function. */
export function callgrind(file, { inside, threads = false } = {}) {
  return [
    ...['valgrind', '--quiet', '--tool=callgrind', `--callgrind-out-file=${file}`, '--compress-strings=no', '--compress-pos=no'],
    ...(inside ? [`--toggle-collect=${inside}`] : []),
    ...(threads ? ['--separate-threads=yes'] : []),
  ];
}

/** The environment of a count that is to be the same everywhere. */
export const sameEverywhere = { GLIBC_TUNABLES: tunables, LD_BIND_NOW: '1', LC_ALL: 'C' };

/** COMMAND counted to its end: {instructions, output, profile}. */
export async function count(file, command, args, inside) {
  const [valgrind, ...rest] = [...callgrind(file, { inside }), command, ...args];
  const env = Object.entries({ PATH: process.env.PATH, HOME: '/', ...sameEverywhere }).map(([key, value]) => `${key}=${value}`);
  const { code, stdout, stderr } = await run('env', ['-i', ...env, valgrind, ...rest]);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} under valgrind ended with ${code}: ${stderr}`);
  const profile = readProfile(file);
  return { instructions: profile.total, output: stdout, profile };
}

/** The room of a source FILE; what is not ours has none. */
export function roomOf(file) {
  const path = file.match(/(?:^|\/)src\/(?:([a-z0-9_]+)\/)?[a-z0-9_]+\.[ch]$/);
  return path ? (path[1] ?? 'daemon') : undefined;
}

/** What one file of callgrind says: {total, functions: a list of {name, file, self, calls}}; calls: a Map of
 *  functions to instructions, with all that they led to. */
export function readProfile(path) {
  const functions = new Map();
  const at = (file, name) => {
    const key = `${file}\0${name}`;
    return functions.get(key) ?? functions.set(key, { name, file, self: 0, calls: new Map() }).get(key);
  };
  let total = 0;
  let file; // of the position; of a function that is inlined another than the function's
  let current;
  let calledFile;
  let called;
  let expectsCall = false;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, key, value] = line.match(/^(fl|fi|fe|fn|cfi|cfl|cfn|calls|totals)[=:] ?(.*)$/) ?? [];
    if (key === 'fl' || key === 'fi' || key === 'fe') file = value;
    else if (key === 'fn') current = at(file, value);
    else if (key === 'cfi' || key === 'cfl') calledFile = value;
    else if (key === 'cfn') {
      called = at(calledFile ?? file, value);
      calledFile = undefined;
    } else if (key === 'calls') expectsCall = true;
    else if (key === 'totals') total = Number(value);
    else if (current && /^[0-9+*-]/.test(line)) {
      const cost = Number(line.slice(line.lastIndexOf(' ') + 1));
      if (expectsCall) current.calls.set(called, (current.calls.get(called) ?? 0) + cost);
      else current.self += cost;
      expectsCall = false;
    }
  }
  return { total, functions: [...functions.values()] };
}

/** How much of what a library's function takes is spent in libraries, and not in what of ours it calls back. */
function shareOfLibraries(entry, shares = new Map()) {
  if (shares.has(entry)) return shares.get(entry);
  shares.set(entry, 1); // of a function that calls itself in the end
  let libraries = entry.self;
  let all = entry.self;
  for (const [callee, cost] of entry.calls) {
    all += cost;
    if (!roomOf(callee.file)) libraries += cost * shareOfLibraries(callee, shares);
  }
  const share = all > 0 ? libraries / all : 1;
  shares.set(entry, share);
  return share;
}

/** Instructions of PROFILE by room, largest first: [{room, own, libraries}]; libraries: in what is not ours and was
 *  called from there. What nobody of ours called is of the room 'others'. */
export function byRoom({ functions }) {
  const rooms = new Map();
  const shares = new Map();
  const add = (room, key, cost) => {
    if (!rooms.has(room)) rooms.set(room, { room, own: 0, libraries: 0 });
    rooms.get(room)[key] += cost;
  };
  let outside = 0;
  for (const entry of functions) {
    const room = roomOf(entry.file);
    if (!room) outside += entry.self;
    else add(room, 'own', entry.self);
    for (const [callee, cost] of room ? entry.calls : []) {
      if (roomOf(callee.file)) continue;
      const inLibraries = cost * shareOfLibraries(callee, shares);
      add(room, 'libraries', inLibraries);
      outside -= inLibraries;
    }
  }
  add('others', 'libraries', Math.max(0, outside));
  return [...rooms.values()].sort((a, b) => b.own + b.libraries - a.own - a.libraries);
}
