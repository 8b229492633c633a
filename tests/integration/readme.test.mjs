// The README, and what else has marked blocks, does what it says: they are run, from top to bottom, against the demo.
//
//     ```sh run           each line is run and must succeed
//     ```sh run stream    each line subscribes; it must answer 200 with an event stream, and stays
//     ```sql run          is run in the database
//     ```text shows       is what one of the streams must have printed by then
//
// localhost:4000 and :4001 stand for wherever walpiper listens in the test.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { assert, freePort, root, run, scenario, startChild, until } from './harness/lib.mjs';
import { binary, request } from './harness/lib.mjs';

/** Fenced blocks as {info, text, line}. */
export function blocksOf(markdown) {
  const blocks = [];
  let block;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (block && line === '```') {
      blocks.push({ ...block, text: block.lines.join('\n') });
      block = undefined;
    } else if (block) {
      block.lines.push(line);
    } else if (line.startsWith('```')) {
      block = { info: line.slice(3).trim(), lines: [], line: index + 1 };
    }
  }
  assert.equal(block, undefined, `the block of line ${block?.line} does not end`);
  return blocks;
}

const markedBlocks = (file) =>
  blocksOf(readFileSync(join(root, file), 'utf8')).filter(({ info }) => / (run|shows)\b/.test(info));

class Reader {
  /** SETTINGS: the environment of the walpiper that serves. */
  constructor(scene, database, port, settings) {
    Object.assign(this, { scene, database, port, settings });
    this.streams = [];
    this.home = scene.directory('walpiper-readme-');
  }

  /** curl reads what the test adds from its .curlrc, so that the README's line is run as it is. */
  shell(command, number) {
    const home = join(this.home, String(number));
    mkdirSync(home);
    const head = join(home, 'head');
    writeFileSync(join(home, '.curlrc'), `silent\nshow-error\nfail\nnoproxy = "*"\ndump-header = ${head}\n`);
    const line = command
      .replaceAll('localhost:4000', `localhost:${this.port}`)
      .replaceAll('localhost:4001', this.settings.WALPIPER_ADMIN_LISTEN);
    const PATH = `${dirname(binary)}:${process.env.PATH}`;
    const env = { ...process.env, ...this.settings, PATH, CURL_HOME: home };
    return { line, env, head };
  }

  async run(block) {
    const { line, env } = this.shell(block.text, block.line);
    const { code, stderr } = await run('bash', ['-e', '-c', line], { env });
    assert.equal(code, 0, stderr);
  }

  async stream(block) {
    for (const [n, command] of block.text.split('\n').entries()) {
      const { line, env, head } = this.shell(command, `${block.line}-${n}`);
      const child = spawn('bash', ['-c', `exec ${line}`], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      this.scene.defer(() => child.kill('SIGKILL'));
      const stream = { command, output: '' };
      this.streams.push(stream);
      child.stdout.setEncoding('utf8').on('data', (text) => (stream.output += text));
      await until(`${command}: 200 and an event stream`, () => {
        const text = existsSync(head) ? readFileSync(head, 'utf8') : '';
        return /^HTTP\/1\.1 200 /.test(text) && /^content-type: text\/event-stream/im.test(text);
      });
    }
  }

  async sql(block) {
    await this.database.query(block.text);
  }

  async shows(block) {
    await until(`a stream shows\n${block.text}`, () =>
      this.streams.some(({ output }) => output.includes(`${block.text}\n\n`)),
    );
  }
}

const actions = { 'sh run': 'run', 'sh run stream': 'stream', 'sql run': 'sql', 'text shows': 'shows' };

const documents = { 'README.md': 5, 'docs/operators.md': 2 };

test('the documents have blocks to run, and only of known kinds', () => {
  for (const [file, least] of Object.entries(documents)) {
    assert.ok(markedBlocks(file).length >= least, `too few marked blocks in ${file}`);
    assert.deepEqual(markedBlocks(file).filter(({ info }) => !actions[info]), []);
  }
});

for (const file of Object.keys(documents)) {
  scenario(`the marked blocks of ${file} do what they say`, { timeout: 180_000 }, async (scene) => {
    const database = await scene.database({ files: ['sql/demo/blog.sql'] });
    const port = await freePort();
    const directory = scene.directory();
    const log = join(directory, 'walpiper.log');
    scene.logs.push(log);
    const settings = {
      DATABASE_URL: database.url,
      WALPIPER_LISTEN: `127.0.0.1:${port}`,
      WALPIPER_ADMIN_LISTEN: `127.0.0.1:${await freePort()}`,
      WALPIPER_JOURNAL: join(directory, 'journal'),
    };
    const child = startChild(binary, ['run', '-c', 'config/walpiper.yaml'], { log, env: settings });
    scene.defer(async () => {
      child.kill('SIGKILL');
      await child.exited;
    });
    await until('walpiper is up', async () => {
      const answer = await request(`http://127.0.0.1:${port}/manage/health`).catch(() => null);
      return answer?.status === 200;
    });
    await until('the operator has begun', async () => {
      const { body } = await request(`http://${settings.WALPIPER_ADMIN_LISTEN}/operators`);
      return JSON.parse(body)[0].applied !== null;
    });
    const reader = new Reader(scene, database, port, settings);
    for (const block of markedBlocks(file)) {
      await reader[actions[block.info]](block).catch((error) => {
        throw new Error(`${file}:${block.line}: ${error.message}`);
      });
    }
  });
}
