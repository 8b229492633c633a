// Who walpiper is to the server, and the server to walpiper: passwords, certificates, TLS. Each way
// must do for both kinds of connection, ordinary and replication.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, freePort, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { Authority, serveTls } from './harness/tls.mjs';

/** A server with TCP and the role "capture", which RULES of pg_hba.conf let in. */
async function guarded(scene, rules) {
  const server = await scene.postgres({
    listen_addresses: '127.0.0.1',
    port: String(await freePort()),
    password_encryption: 'scram-sha-256',
  });
  const db = await scene.database({ server, files: blogFiles });
  await db.query(`CREATE ROLE capture LOGIN SUPERUSER REPLICATION PASSWORD 'right!word'`);
  await server.hba(rules);
  return db;
}

const passwords = ['host all capture 127.0.0.1/32 scram-sha-256', 'host replication capture 127.0.0.1/32 scram-sha-256'];
const certificates = ['hostssl all capture 127.0.0.1/32 cert'];

const config = (database) => ({ tables: blog.tables, database });

/** The single keys of the configuration. */
const keys = (db, more = {}) => ({
  ...{ url: '', hostname: '127.0.0.1', port: Number(db.server.settings.port), database: db.name, username: 'capture' },
  ...more,
});

const url = (db, host, options = {}) =>
  `postgresql://capture@${host}:${db.server.settings.port}/${db.name}?${new URLSearchParams(options)}`;

async function streams(walpiper, db) {
  const stream = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'a')`);
  await stream.first(1);
}

/** Refused at start, with one error: its line. */
async function refusal(walpiper) {
  const { code, log } = await walpiper.refuse();
  assert.equal(code, 1);
  const told = log.split('\n').filter((line) => /connection to server/.test(line));
  assert.equal(told.length, 1, log);
  assert.match(told[0], /level=error/);
  assert.doesNotMatch(log, /right!word|wrong!word/);
  return told[0];
}

scenario('a password: taken when right, one line without it when wrong or missing', async (scene) => {
  const db = await guarded(scene, passwords);
  await streams(await scene.walpiper(db, config(keys(db, { password: 'right!word' }))), db);
  const wrong = await refusal(scene.unstarted(db, config(keys(db, { password: 'wrong!word' }))));
  assert.match(wrong, /password authentication failed.*database\.password.*role capture/);
  const inUrl = url(db, '127.0.0.1').replace('capture@', 'capture:wrong!word@');
  assert.match(await refusal(scene.unstarted(db, config({ url: inUrl }))), /password authentication failed/);
  const missing = await refusal(scene.unstarted(db, config(keys(db))));
  assert.match(missing, /no password supplied.*database\.password/);
});

scenario('a role or a database that is not there is refused with its name', async (scene) => {
  const db = await guarded(scene, passwords);
  const database = await refusal(scene.unstarted(db, config(keys(db, { password: 'right!word', database: 'nowhere' }))));
  assert.match(database, /\\"nowhere\\" does not exist; create it, or correct database\.database/);
  const role = await refusal(scene.unstarted(db, config(keys(db, { username: 'nobody' }))));
  assert.match(role, /pg_hba\.conf.*nobody/);
});

scenario('a role that may not replicate is refused with the mend', async (scene) => {
  const db = await guarded(scene, passwords);
  await db.query('ALTER ROLE capture NOSUPERUSER NOREPLICATION');
  await db.query(`CREATE PUBLICATION allowed FOR TABLE events, posts, comments`);
  const walpiper = scene.unstarted(db, { ...config(keys(db, { password: 'right!word' })), publication: 'allowed' });
  assert.match(await refusal(walpiper), /ALTER ROLE .* REPLICATION.* capture/);
});

scenario('~/.pgpass: taken, and read again when the password is changed', async (scene) => {
  const db = await guarded(scene, passwords);
  const file = join(scene.directory(), 'pgpass');
  const set = (password) => writeFileSync(file, `127.0.0.1:*:*:capture:${password}\n`, { mode: 0o600 });
  set('right!word');
  const walpiper = scene.unstarted(db, config(keys(db)));
  walpiper.env = { PGPASSFILE: file };
  await walpiper.start();
  await db.query(`ALTER ROLE capture PASSWORD 'new!word'`);
  await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'capture'`);
  await until('it is down', async () => (await walpiper.request('/manage/health')).status === 503);
  set('new!word');
  await walpiper.healthy();
  await streams(walpiper, db);
});

scenario('TLS with verify-full: the right name of a known authority, and no other', async (scene) => {
  const db = await guarded(scene, passwords.map((rule) => rule.replace('host', 'hostssl')));
  const directory = scene.directory();
  const ours = await new Authority(directory).create();
  const other = await new Authority(directory, 'other').create();
  await serveTls(db.server, await ours.sign('localhost'), ours);
  const password = { PGPASSWORD: 'right!word' };
  const make = (host, authority, more = {}) => {
    const options = { sslmode: 'verify-full', sslrootcert: authority.certificate, ...more };
    const walpiper = scene.unstarted(db, config({ url: url(db, host, options) }));
    walpiper.env = password;
    return walpiper;
  };
  const walpiper = await make('localhost', ours).start();
  await streams(walpiper, db);
  const unprotected = await db.value(`SELECT count(*)::int FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                                      WHERE usename = 'capture' AND NOT ssl`);
  assert.equal(unprotected, 0);
  const name = await refusal(make('127.0.0.1', ours));
  assert.match(name, /server certificate for \\"localhost\\" .*does not match host name \\"127\.0\.0\.1\\".*sslrootcert/);
  assert.match(await refusal(make('localhost', other)), /certificate verify failed/);
  assert.match(await refusal(make('localhost', { certificate: '/nowhere' })), /root certificate file .* does not exist/);
});

scenario('a certificate instead of a password', async (scene) => {
  const db = await guarded(scene, certificates);
  const directory = scene.directory();
  const ours = await new Authority(directory).create();
  await serveTls(db.server, await ours.sign('localhost'), ours);
  const make = ({ certificate, key }) => {
    const options = { sslmode: 'verify-full', sslrootcert: ours.certificate, sslcert: certificate, sslkey: key };
    return scene.unstarted(db, config({ url: url(db, 'localhost', options) }));
  };
  const mine = await ours.sign('capture');
  await streams(await make(mine).start(), db);
  assert.match(await refusal(make(await ours.sign('somebody'))), /certificate authentication failed.*pg_hba\.conf/);
  chmodSync(mine.key, 0o644);
  assert.match(await refusal(make(mine)), /private key file .* has group or world access/);
});
