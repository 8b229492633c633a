// The admin listener: metrics that move, a status that tells no secret, and doors of its own.
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, binary, freePort, root, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { hsToken } from './harness/jwt.mjs';
import { scrape, untilMetrics } from './harness/metrics.mjs';

const insert = (db, n = 1) =>
  db.query(`INSERT INTO comments (post_id, message) SELECT 1, 'x' FROM generate_series(1, $1::int)`, [n]);

const publish = (walpiper, headers) =>
  walpiper.request('/events', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: '[{"type": "a", "subscriber": "toto"}, {"type": "b", "subscriber": "toto"}]',
  });

scenario('what subscribers, publishers and operators do is counted', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { threads: 2, publish_rate: 2 } });
  const before = await scrape(walpiper);
  assert.equal(before.sum('walpiper_subscribers'), 0);
  assert.equal(before.sum('walpiper_build_info{version="0.1.0"}'), 1);

  const streams = [];
  for (let i = 0; i < 3; i++) streams.push(await walpiper.subscribe('/streams/comments'));
  await untilMetrics(walpiper, { walpiper_subscribers: 3, walpiper_streams_total: 3 });
  await insert(db, 5);
  for (const stream of streams) await stream.first(5);
  streams[0].close();
  await walpiper.subscribe('/streams/posts', { lastEventId: '00000000-1-1' });
  const statuses = [];
  while (!statuses.includes(429)) statuses.push((await publish(walpiper)).status);
  const inserted = statuses.filter((status) => status === 201).length;
  await walpiper.request('/nowhere');

  const after = await untilMetrics(walpiper, {
    walpiper_subscribers: 3,
    walpiper_deliveries_total: 15,
    walpiper_capture_events_total: 5 + 2 * inserted,
    'walpiper_streams_closed_total{reason="peer"}': 1,
    'walpiper_resets_total{reason="epoch"}': 1,
    'walpiper_resets_total{reason="expired"}': 0,
    'walpiper_http_answers_total{status="404"}': 1,
    'walpiper_http_answers_total{status="429"}': 1,
    'walpiper_publish_answers_total{status="201"}': inserted,
    'walpiper_publish_answers_total{status="429"}': 1,
    walpiper_published_events_total: 2 * inserted,
    'walpiper_operator_parked{operator="post_with_comments_counts"}': 0,
    'walpiper_operator_info{operator="post_with_comments_counts",state="ready"}': 1,
    'walpiper_capture_info{state="streaming"}': 1,
    walpiper_capture_streams_total: 1,
    walpiper_journal_failing: 0,
    walpiper_healthy: 1,
  });
  assert.ok(after.sum('walpiper_http_sent_bytes_total') > before.sum('walpiper_http_sent_bytes_total') + 15 * 200);
  assert.ok(after.sum('walpiper_operator_batches_total') > 0);
  assert.ok(after.sum('walpiper_journal_bytes') > 0);
  assert.ok(after.sum('walpiper_capture_lsn') >= after.sum('walpiper_journal_newest_lsn'));
  after.assertNotBehind(before);
});

scenario('who is slow, and who is one too many, is counted by the reason', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const http = { threads: 1, stall_timeout: '1s', max_connections_per_client: 2 };
  const walpiper = await scene.walpiper(db, { ...blog, operators: [], http });
  const localAddress = '127.0.0.7';
  const stream = await walpiper.subscribe('/streams/comments', { localAddress, keep: false });
  await walpiper.subscribe('/streams/comments', { localAddress });
  const refused = await walpiper.subscribe('/streams/comments', { localAddress });
  await until('one too many is sent away', () => refused.hasEnded);
  stream.response.pause();
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', 200000) FROM generate_series(1, 60)`);
  await untilMetrics(walpiper, {
    'walpiper_streams_closed_total{reason="stalled"}': 1,
    'walpiper_http_refused_total{reason="max_connections_per_client"}': 1,
    walpiper_streams_total: 2,
    walpiper_subscribers: 1,
  });
});

scenario('a server that is away shows in the lag and in the health; when it is back, both are well', async (scene) => {
  const server = await scene.postgres({ max_slot_wal_keep_size: '256MB' });
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, operators: [] });
  await untilMetrics(walpiper, { walpiper_lag_seconds: 0, walpiper_lag_bytes: 0, walpiper_capture_streaming: 1 });
  await until('the server was looked at', async () => (await scrape(walpiper)).sum('walpiper_server_lsn') > 0);
  const looked = await scrape(walpiper);
  assert.ok(looked.sum('walpiper_slot_wal_safe_bytes') > 2 ** 27);
  assert.ok(looked.sum('walpiper_slot_wal_held_bytes') < 2 ** 27);
  await server.stop();
  await untilMetrics(walpiper, { walpiper_capture_streaming: 0, walpiper_healthy: 0 });
  const first = (await scrape(walpiper)).sum('walpiper_lag_seconds');
  await until('the lag grows', async () => (await scrape(walpiper)).sum('walpiper_lag_seconds') > first);
  const status = JSON.parse((await walpiper.admin('/status')).body);
  assert.equal(status.health.status, 'DOWN');
  assert.match(status.health.reason, /^capture: /);
  assert.equal((await walpiper.admin('/manage/health')).status, 503);
  await server.start();
  await untilMetrics(walpiper, { walpiper_lag_seconds: 0, walpiper_lag_bytes: 0, walpiper_capture_streams_total: 2, walpiper_healthy: 1 });
});

scenario('the status says what there is', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { threads: 2 } });
  const stream = await walpiper.subscribe('/streams/comments');
  await insert(db, 3);
  const events = await stream.first(3);
  let status;
  await until('all is applied', async () => {
    const answer = await walpiper.admin('/status');
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['cache-control'], 'no-store');
    status = JSON.parse(answer.body);
    return status.operators[0].state === 'ready' && status.slot.server !== null && status.serving.subscribers === 1;
  });
  assert.deepEqual(status.health, { status: 'UP' });
  assert.equal(status.version, '0.1.0');
  assert.equal(status.config, walpiper.file);
  assert.ok(status.uptime_seconds > 0);
  assert.equal(status.slot.name, walpiper.slot);
  assert.equal(status.slot.state, 'streaming');
  assert.match(status.slot.plugin, /^(wal2json|pgoutput)$/);
  assert.match(status.slot.confirmed, /^[0-9A-F]+\/[0-9A-F]+$/);
  assert.equal(status.journal.oldest, events[0].id);
  assert.equal(status.journal.latest, events[2].id);
  assert.equal(status.serving.threads.length, 2);
  assert.equal(status.serving.threads.reduce((sum, thread) => sum + thread.deliveries, 0), 3);
  assert.deepEqual(status.serving.listen, [walpiper.config.http.listen]);
  assert.equal(status.operators[0].name, 'post_with_comments_counts');
  assert.equal(status.operators[0].parked, 0);
});

scenario('neither listener serves what is the other one’s', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  for (const path of ['/metrics', '/status', '/metrics/', '/%6detrics', '//metrics']) {
    assert.equal((await walpiper.request(path)).status, 404, path);
  }
  for (const path of ['/events', '/streams/events', '/streams?topic=events', '/', '/metrics/', '/%6detrics', '/status/x']) {
    const answer = await walpiper.admin(path, { headers: { 'X-Consumer-Id': 'toto' } });
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body, 'Not found');
  }
  assert.equal((await walpiper.admin('/manage/health')).body, '{"status":"UP"}');
  assert.equal((await walpiper.admin('/metrics?collect[]=x')).status, 200);
  for (const method of ['POST', 'DELETE', 'OPTIONS', 'PUT']) {
    const answer = await walpiper.admin('/metrics', { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.allow, 'GET, HEAD');
  }
  const head = await walpiper.admin('/metrics', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
  assert.ok(Number(head.headers['content-length']) > 1000);
});

scenario('passwords, secrets and tokens are nowhere in status, metrics, answers and logs', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const password = 'geheim-of-the-url';
  const secret = 'secret-of-the-tokens-that-is-long-enough-for-it';
  const auth = { mode: 'jwt', jwt: { secret, query_token: true } };
  const url = db.url.replace('postgresql://', `postgresql://postgres:${password}@`);
  const walpiper = await scene.walpiper(db, { ...blog, auth, database: { url }, log: { level: 'trace' } });
  const good = hsToken(secret, { topics: '*' });
  const bad = hsToken('another-secret-that-is-long-enough-for-hs256', { topics: 'bad-claim' });
  const outputs = [];
  const ask = async (path, options) => {
    const { headers, body } = await walpiper.request(path, options);
    outputs.push(JSON.stringify(headers), body);
  };
  const stream = await walpiper.subscribe(`/streams/comments?access_token=${good}`);
  await insert(db);
  await stream.first(1);
  await ask(`/streams/comments?access_token=${bad}`);
  await ask(`/streams/comments?access_token=${good}&nonsense=1`);
  await ask(`/streams/nowhere?access_token=${good}`, { headers: { Accept: 'application/json' } });
  await ask('/streams/comments', { headers: { Authorization: `Bearer ${bad}`, Cookie: `walpiper_token=${bad}` } });
  await publish(walpiper, { Authorization: `Bearer ${good}`, 'Idempotency-Key': 'one' });
  for (const path of ['/status', '/metrics', '/manage/health']) outputs.push((await walpiper.admin(path)).body);
  await walpiper.stop();
  outputs.push(walpiper.logText());

  const away = scene.unstarted(db, { ...blog, auth, database: { url: url.replace(/host=[^&]*/, 'host=/nowhere') } });
  await away.launch();
  const told = () => away.admin('/status').then(({ body }) => JSON.parse(body).health.reason, () => '');
  await until('it says that there is no server', async () => /connection to server/.test(await told()));
  for (const path of ['/status', '/metrics', '/manage/health']) outputs.push((await away.admin(path)).body);
  await away.stop();
  outputs.push(away.logText());
  const words = [password, secret, good, bad, good.split('.')[2], bad.split('.')[2]];
  for (const word of words) {
    assert.ok(!outputs.join('\n').includes(word), `${word} is in ${outputs.find((text) => text.includes(word))}`);
  }
});

scenario('a password that breaks database.url is not told either, wherever it ends up', async (scene) => {
  const db = await scene.database();
  const urls = {
    'postgresql://me:geheim/more@localhost/x': /a port that is no number; .* %2F/,
    'postgresql://me:more@geheim@localhost/x': /a host with an '@'; .* %40/,
    'postgresql://me:geheim%zz@localhost/x': /not a libpq URI/,
    'host=/nowhere password=more geheim': /not a libpq URI/,
  };
  for (const [url, expected] of Object.entries(urls)) {
    const walpiper = scene.unstarted(db, { database: { url } });
    const { code, log } = await walpiper.refuse();
    assert.equal(code, 1, url);
    assert.match(log, expected);
    const { stdout, stderr } = await run(binary, ['check', '-c', walpiper.file]);
    assert.match(stdout, expected);
    assert.doesNotMatch(log + stdout + stderr, /geheim/);
  }
});

scenario('no client can make a label, and every metric is in the documentation', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { threads: 1 } });
  const before = await scrape(walpiper);
  const seen = [];
  for (let i = 0; i < 20; i++) {
    seen.push((await walpiper.request(`/streams/table${i}?col${i}=eq.x`, { headers: { 'X-Consumer-Id': `me${i}` } })).status);
    seen.push((await walpiper.request(`/path${i}`, { method: `M${i}` })).status);
  }
  const after = await scrape(walpiper);
  assert.ok(after.size <= before.size + new Set(seen).size, `${before.size} series became ${after.size}`);
  assert.deepEqual([...after.labelValues].filter((value) => /^(table|col|me|path|M)[0-9]/.test(value)), []);
  const documented = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  for (const name of after.families.keys()) assert.ok(documented.includes(`\`${name}\``), `${name} is not documented`);
});

scenario('on TCP too; a port that is taken is told in one line, and nothing is left running', async (scene) => {
  const db = await scene.database();
  const port = await freePort();
  const taken = createServer();
  await new Promise((resolve) => taken.listen(port, '127.0.0.1', resolve));
  const walpiper = scene.unstarted(db, { admin: { listen: `127.0.0.1:${port}` } });
  const { code, log } = await walpiper.refuse();
  await new Promise((resolve) => taken.close(resolve));
  assert.equal(code, 1);
  const errors = log.split('\n').filter((line) => line.includes('level=error'));
  assert.equal(errors.length, 1, log);
  assert.match(errors[0], new RegExp(`admin\\.listen: .*127\\.0\\.0\\.1:${port}.*in use`));
  await walpiper.start();
  for (const [host, status] of [['localhost', 200], [`127.0.0.1:${port}`, 200], ['pages.example.org', 403]]) {
    for (const path of ['/manage/health', '/metrics', '/status']) {
      assert.equal((await walpiper.admin(path, { headers: { Host: host } })).status, status, host);
    }
  }
  const again = scene.unstarted(db, { admin: { listen: `127.0.0.1:${port}` }, slot: { name: 'other' } });
  assert.equal((await again.refuse()).code, 1, 'two have the same port');
});

scenario('an address that others reach needs admin.allow_public; "" is no listener', async (scene) => {
  const db = await scene.database();
  const port = await freePort();
  const open = scene.unstarted(db, { admin: { listen: `0.0.0.0:${port}` }, auth: { allow_public: true } });
  const { code, log } = await open.refuse();
  assert.equal(code, 1);
  assert.match(log, /admin\.listen: everyone who reaches this address .*admin\.allow_public: true/);
  const meant = await scene.walpiper(db, { admin: { listen: `0.0.0.0:${port}`, allow_public: true } });
  assert.equal((await meant.admin('/metrics')).status, 200);
  await meant.stop();
  const off = await scene.walpiper(db, { admin: { listen: '' } });
  assert.doesNotMatch(off.logText(), /room=admin/);
});

scenario('scrapes under load: no event is missing, each scrape is whole', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, operators: [] });
  const streams = [];
  for (let i = 0; i < 5; i++) streams.push(await walpiper.subscribe('/streams/comments'));
  let writing = true;
  const scraping = (async () => {
    let count = 0;
    for (let before = await scrape(walpiper); writing; count++) {
      const now = await scrape(walpiper);
      now.assertNotBehind(before);
      before = now;
    }
    return count;
  })();
  for (let i = 0; i < 40; i++) await insert(db, 100);
  for (const stream of streams) await stream.first(4000);
  writing = false;
  assert.ok((await scraping) > 5);
  await untilMetrics(walpiper, { walpiper_deliveries_total: 5 * 4000, walpiper_capture_events_total: 4000 });
});
