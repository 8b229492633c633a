// Chromium under the hand of a test, over its DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/) on a pair of pipes: messages of JSON, each with
// a NUL behind it.
//
//     const page = await openPage(scene, 'http://127.0.0.1:8080/');
//     await page.evaluate((a, b) => a + b, 1, 2);
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { makeDirectory, until, within } from '../integration/harness/lib.mjs';

// The program itself: what Debian's package has in /usr/bin is a shell that waits for it, and would die alone.
const command = process.env.CHROMIUM ?? '/usr/lib/chromium/chromium-headless-shell';

class Chromium {
  constructor() {
    this.directory = makeDirectory('walpiper-chromium-');
    this.log = join(this.directory, 'log');
    this.calls = new Map(); // those that wait for their answer
    this.lastCall = 0;
  }

  start() {
    const args = [
      ...['--remote-debugging-pipe', `--user-data-dir=${join(this.directory, 'profile')}`],
      '--no-sandbox', // it has none as root; the pages are ours
      ...['--no-first-run', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-proxy-server'],
    ];
    const output = openSync(this.log, 'a');
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      stdio: ['ignore', output, output, 'pipe', 'pipe'],
    });
    closeSync(output);
    this.exited = new Promise((resolve) => this.child.once('exit', resolve).once('error', resolve));
    this.exited.then(() => this.fail(`${command} ended: ${readFileSync(this.log, 'utf8').slice(-2000)}`));
    let rest = '';
    this.child.stdio[3].on('error', () => {}); // its end is told by the exit
    this.child.stdio[4].setEncoding('utf8').on('data', (text) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop();
      for (const message of messages) this.take(JSON.parse(message));
    });
  }

  take({ id, result, error }) {
    const call = this.calls.get(id);
    this.calls.delete(id);
    if (error) call?.reject(new Error(`${call.method}: ${error.message}`));
    else call?.resolve(result);
  }

  fail(why) {
    for (const call of this.calls.values()) call.reject(new Error(why));
    this.calls.clear();
  }

  call(method, params = {}, sessionId = undefined) {
    const id = ++this.lastCall;
    const answer = new Promise((resolve, reject) => this.calls.set(id, { method, resolve, reject }));
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return within(`an answer of Chromium to ${method}`, 30_000, answer);
  }

  async stop() {
    this.child.kill('SIGKILL');
    await this.exited;
    // Its other processes end with it, a little later.
    await until('its profile can be removed', () => {
      try {
        rmSync(this.directory, { recursive: true, force: true });
        return true;
      } catch (error) {
        if (error.code !== 'ENOTEMPTY') throw error;
        return false;
      }
    });
  }
}

class Page {
  constructor(browser, session) {
    Object.assign(this, { browser, session });
  }

  async evaluate(code, ...values) {
    const expression = `(${code})(...${JSON.stringify(values)})`;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.browser.call('Runtime.evaluate', params, this.session);
    if (exceptionDetails) throw new Error(`in the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  until(what, code, ...values) {
    return until(what, () => this.evaluate(code, ...values), { timeout: 60_000 });
  }
}

let started; // the Chromium of this test file

after(() => started?.stop());

/** A page with cookies and caches of its own, closed with its scene. */
export async function openPage(scene, url) {
  if (!started) {
    started = new Chromium();
    started.start();
  }
  const browser = started;
  const { browserContextId } = await browser.call('Target.createBrowserContext');
  scene.defer(() => browser.call('Target.disposeBrowserContext', { browserContextId }));
  const { targetId } = await browser.call('Target.createTarget', { url, browserContextId });
  const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true });
  const page = new Page(browser, sessionId);
  await page.until(`${url} is loaded`, () => document.readyState === 'complete' && location.href !== 'about:blank');
  return page;
}
