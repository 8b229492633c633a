// Chromium: pages of one origin that subscribe to a walpiper of another.
import { describe } from 'node:test';
import { assert, scenario, until } from '../integration/harness/lib.mjs';
import { blog, blogFiles } from '../integration/harness/blog.mjs';
import { startFaulty } from '../integration/harness/faults.mjs';
import { hsToken, now, tokenMs } from '../integration/harness/jwt.mjs';
import { recorder } from '../clients/recorder.mjs';
import { fillUp, hostile, isTold, loseContinuity, say, secret } from '../clients/troubles.mjs';
import { openPage } from './chromium.mjs';
import { site } from './pages.mjs';

const jwt = { mode: 'jwt', jwt: { secret } };
const token = (seconds) => hsToken(secret, { topics: 'comments', exp: now() + seconds });

/** A site, and a walpiper that lets its pages read, with a recorder in between. */
async function prepare(scene, { cookie, http, ...config } = {}) {
  const db = await scene.database({ files: blogFiles });
  const { origin, otherOrigin } = await site(scene, { cookie });
  const { walpiper, faults } = await startFaulty(scene, db, { ...blog, http: { cors: { origins: [origin] }, ...http }, ...config });
  const wire = await recorder(scene, walpiper);
  return { db, walpiper, faults, wire, origin, otherOrigin, url: `${wire.base}/streams/comments` };
}

async function follow(scene, origin, url, options) {
  const page = await openPage(scene, origin);
  await page.evaluate((...args) => followWithEventSource(...args), url, options);
  return page;
}

const connected = (page, times = 1) => page.until(`it is connected, ${times}`, (n) => seen.opens >= n, times);
const events = async (page, count) => {
  await page.until(`${count} events`, (n) => seen.messages.length >= n, count);
  return page.evaluate(() => seen.messages);
};
const typesOf = (messages) => messages.map(({ type }) => type);
const methods = (wire) => wire.requests.map(({ method }) => method);

// The ones that wait longest come first.
describe('pages in Chromium', { concurrency: 4 }, () => {
  scenario('sent away for want of room it comes back by itself, and after a stop too', async (scene) => {
    const { db, walpiper, wire, origin, url } = await prepare(scene, { http: { max_connections: 1, threads: 1, drain: '0s' } });
    const [other] = await fillUp(walpiper, 1);
    const page = await follow(scene, origin, url);
    await page.until('it is sent away', () => seen.opens === 1 && seen.state === EventSource.CONNECTING);
    assert.match(wire.connections[0].got, /\r\n\r\nretry: [0-9]+\n\n$/);
    other.close();
    await connected(page, 2);
    await say(db, 'one');
    await events(page, 1);
    await walpiper.stop();
    await say(db, 'two');
    await walpiper.start();
    assert.deepEqual(typesOf(await events(page, 2)), ['insert', 'insert']);
  });

  scenario('a cookie opens the door, and a new one after expired opens it again for the same EventSource', async (scene) => {
    let seconds = 0;
    const cookie = () => `walpiper_token=${token((seconds += tokenMs / 1000))}; Path=/; HttpOnly`;
    const { db, faults, wire, origin, url } = await prepare(scene, { cookie, auth: jwt, http: { heartbeat: '200ms' } });
    const page = await follow(scene, origin, url, { withCredentials: true });
    await connected(page);
    await say(db, 'before');
    await events(page, 1);
    faults.clock(tokenMs);
    await page.until('it is told', () => seen.messages.some(({ type }) => type === 'expired'));
    await say(db, 'between');
    const got = await events(page, 3);
    assert.deepEqual(typesOf(got), ['insert', 'expired', 'insert']);
    assert.match(got[2].data, /"message":"between1"/);
    assert.deepEqual(methods(wire), ['GET', 'GET']);
    assert.equal(wire.requests[1].headers['last-event-id'], got[0].id);
  });

  scenario('each event comes once, over a kill -9 of the server, and the last id is sent without a preflight', async (scene) => {
    const { db, walpiper, wire, origin, url } = await prepare(scene);
    const page = await follow(scene, origin, url);
    await connected(page);
    await say(db, hostile, 20);
    await say(db, '\u00e9'.repeat(500_000));
    await events(page, 21);
    await walpiper.kill();
    await say(db, 'while it was down ', 50);
    await walpiper.start();
    await connected(page, 2);
    await say(db, 'after ', 2);
    const got = await events(page, 73);
    const frames = await (await walpiper.subscribe('/streams/comments', { lastEventId: 'earliest' })).first(73);
    assert.deepEqual(got, frames.map(({ event, id, data }) => ({ type: event, id, data })));
    // Chromium asks for none whatever the id; of others the id's bytes must be right: clients/frames.mjs.
    assert.ok(wire.requests.every(({ method, headers }) => method === 'GET' && headers.origin === origin));
    assert.equal(wire.requests.at(-1).headers['last-event-id'], frames[20].id);
  });

  scenario('when continuity is lost the page is told with a reset, and goes on live', async (scene) => {
    const { db, walpiper, origin, url } = await prepare(scene);
    const page = await follow(scene, origin, url);
    await connected(page);
    await say(db, 'of the first epoch');
    await events(page, 1);
    await loseContinuity(db, walpiper);
    await page.until('it is told', () => seen.messages.some(({ type }) => type === 'reset'));
    await say(db, 'of the second epoch');
    await page.until('the next event', () => seen.messages.filter(({ type }) => type === 'insert').length === 2);
    const got = await page.evaluate(() => seen.messages);
    assert.ok(isTold(typesOf(got)));
    assert.equal(JSON.parse(got[1].data).reason, 'epoch');
  });

  scenario('a page of an origin that is not listed reads nothing, and its connection is given up', async (scene) => {
    const { db, walpiper, wire, otherOrigin, url } = await prepare(scene);
    const page = await follow(scene, otherOrigin, url);
    await page.until('it gave up', () => seen.state === EventSource.CLOSED);
    await say(db, 'not for everybody');
    await until('its connection is closed', () => walpiper.connections() === 0);
    assert.deepEqual(await page.evaluate(() => [seen.opens, seen.messages]), [0, []]);
    assert.deepEqual(wire.requests.map(({ method, headers }) => [method, headers.origin]), [['GET', otherOrigin]]);
  });

  scenario('without withCredentials no cookie is sent, and the 401 ends it', async (scene) => {
    const cookie = () => `walpiper_token=${token(3600)}; Path=/`;
    const { wire, origin, url } = await prepare(scene, { cookie, auth: jwt });
    const page = await follow(scene, origin, url);
    await page.until('it gave up', () => seen.state === EventSource.CLOSED);
    assert.equal(wire.requests[0].headers.cookie, undefined);
    assert.match(wire.connections[0].got, /^HTTP\/1\.1 401 /);
  });

  scenario('fetch-event-source with a token: one preflight, also for the Last-Event-ID of later', async (scene) => {
    const { db, walpiper, wire, origin, url } = await prepare(scene, { auth: jwt });
    const page = await openPage(scene, origin);
    await page.evaluate((...args) => followWithFetch(...args), url, { Authorization: `Bearer ${token(3600)}` });
    await connected(page);
    await say(db, 'one');
    const [first] = await events(page, 1);
    await walpiper.kill();
    await say(db, 'two');
    await walpiper.start();
    const got = await events(page, 2);
    assert.deepEqual(got.map(({ data }) => JSON.parse(data).new_record.message), ['one1', 'two1']);
    assert.deepEqual(methods(wire), ['OPTIONS', 'GET', 'GET']);
    assert.equal(wire.requests[2].headers['last-event-id'], first.id);
    assert.equal(await page.evaluate(() => seen.error), null);
  });
});
