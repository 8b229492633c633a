// docs/performance.md, written from what the benches found: the machine, the commands, the figures, the curves.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { markdown } from './bench.mjs';
import { draw } from './curves.mjs';
import { knownInstructions } from './instructions.mjs';

function firstLine(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0].trim();
  } catch {
    return `${command} is missing`;
  }
}

/** What the figures depend on. */
export function machine() {
  return {
    processor: `${cpus().length} x ${cpus()[0].model}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    kernel: release(),
    debian: readFileSync('/etc/debian_version', 'utf8').trim(),
    postgresql: firstLine(join(process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin', 'postgres'), '--version'),
    compiler: firstLine('cc', '--version'),
    node: process.version,
  };
}

/** When and how a bench was run that has found something. */
export function origin(command) {
  return { command, when: new Date().toISOString().slice(0, 10), commit: firstLine('git', 'rev-parse', '--short', 'HEAD') };
}

/** What FILE has of earlier runs: {machine, findings}; without a file nothing. */
export function earlierIn(file) {
  if (!existsSync(file)) return { findings: [] };
  try {
    const { machine: where, findings } = JSON.parse(readFileSync(file, 'utf8'));
    if (where && Array.isArray(findings)) return { machine: where, findings };
  } catch {
    // told below, as what is JSON of something else
  }
  throw new Error(`${file} is not what a bench has written: remove it, or name another with --json`);
}

const isOf = (where, earlier) => JSON.stringify(earlier.machine) === JSON.stringify(where);

/** FINDINGS and, of the benches they do not have, what EARLIER has if it is of this machine; in the order of NAMES.
 *  WHERE: this machine(). */
export function withEarlier(findings, earlier, names, where) {
  const all = [...findings, ...(isOf(where, earlier) ? earlier.findings : [])];
  return names.map((name) => all.find(({ bench }) => bench === name)).filter(Boolean);
}

/** Which benches a report with those NAMED anew would lose, as EARLIER has them of another machine than WHERE. */
export function lostBy(named, earlier, where) {
  return isOf(where, earlier) ? [] : earlier.findings.map(({ bench }) => bench).filter((bench) => !named.includes(bench));
}

/** One line for each headline of all benches. */
export function summary(findings) {
  const word = { true: 'yes', false: 'no', undefined: '' };
  const rows = findings.flatMap(({ bench, headlines }) => headlines.map(({ what, value, goal, met }) => [bench, what, value, goal, word[met]]));
  return markdown(['bench', 'figure', 'median (least to most)', 'goal', 'met'], rows);
}

const words = {
  capture: 'From the slot to the journal',
  replay: 'From the journal to one client',
  fanout: 'To many subscribers',
  latency: 'From commit to client',
  operators: 'Read models',
  memory: 'How cost grows',
};

function section({ bench, command, when, commit, notes, tables, curves }) {
  const parts = [`## ${words[bench] ?? bench}`, `\`${command}\`, ${when}, commit ${commit}`, ...notes.map((note) => `- ${note}`)];
  const blocks = [parts.slice(0, 2).join('\n\n'), parts.slice(2).join('\n')];
  for (const { columns, rows } of tables) blocks.push(markdown(columns, rows));
  for (const { name, title } of curves) blocks.push(`![${title}](performance/${name}.svg)`);
  return blocks.filter(Boolean).join('\n\n');
}

export function page({ findings, machine: where }, instructions, removed) {
  const facts = Object.entries(where).map(([key, value]) => `| ${key} | ${value} |`);
  const counts = Object.entries(instructions).map(([name, count]) => [name, String(count)]);
  return [
    '# Performance',
    `Written by \`./dev bench --report\`; repeat it on your machine. Each ratio is of runs that took turns, A B B A, on one machine
which database server, walpiper, peer and clients shared; medians, with the least and the most beside them. What counts
deliveries also judges them: a run that lost, repeated or reordered an event is an error, not a number.`,
    ['| the machine | |', '| --- | --- |', ...facts].join('\n'),
    '## In short',
    summary(findings),
    ...findings.map(section),
    '## Instructions',
    `\`./dev test instructions\` counts, with callgrind, what an event costs from the bytes of the server to the socket, without a
server and without time: the same number on every machine of this kind of processor. More than 5 % worse fails the build. \`fanout_100\` is an event
for 100 subscribers, \`operator\` the ids that an event touches.`,
    markdown(['case', 'instructions an event'], counts),
    `\`./dev profile capture|fanout|operators\` shows where they go, by room and by function.`,
    removed.trim(),
    '',
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

/** RESULTS as docs/performance.md and what it shows, in DOCS. */
export async function report(docs, results) {
  const directory = join(docs, 'performance');
  mkdirSync(directory, { recursive: true });
  for (const curve of results.findings.flatMap(({ curves }) => curves)) await draw(directory, curve);
  const file = join(directory, 'removed.md');
  const removed = existsSync(file) ? readFileSync(file, 'utf8') : '';
  writeFileSync(join(docs, 'performance.md'), page(results, knownInstructions() ?? {}, removed));
}

/** RESULTS as JSON in FILE. */
export function keep(file, results) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}
